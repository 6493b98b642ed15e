"""Draws a story sentence by sentence: several side by side, of which the best is kept.

Runs that are copied from the examples are broken off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.errors import AdaptationCanceled
from model.text.originality import RunIndex
from model.text.stories.base import StoriesBase
from model.text.stories.llama import Cache, CacheBatch
from model.text.stories.next_sentence import Sentence, best, is_open
from model.text.stories.passages import words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Result = TypeVar("Result")

CANDIDATES = 6  # sentences side by side
_LATE = 2  # of them that may be cut off
CONTROL = 17  # tokens below are marks of the language model, not text
END = 2
_REPEATED = 5  # tokens: a run of so many comes once in a story
_FRESH = 0.25  # nats taken from a token for every time but one that it stood among the last ones
_LOOKED_BACK = 64
_FRESH_WORD = 0.8  # nats taken from the token of a long word for every time, farther back
_LONG_WORD = 4  # letters
_WORDS_LOOKED_BACK = 128
_LIKELY = 200  # tokens that are drawn from, at most
_UNLIKELY = 0.05  # of the likeliest token's chance: what has less is not drawn
_OTHER_STARTS = 3  # sentences whose first word does not begin the next one
_LEAST, _MOST = 8, 56  # tokens of a sentence; shorter ones come with the next
_ENDED = re.compile(r"(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)[.!?][\"'”’)]*\s*$")
_FIRST_WORD = re.compile(r"(?:^|[.!?][\"'”’)]*\s)\s*(\w+)")
_ENDING = 0.75  # of the asked length: before that no story ends
_LAST_PART = 0.8  # of the asked length: from there on a last paragraph is written
_CLOSINGS = ("At last", "In the end", "And so", "That night", "From that day on,", "When it was over,")
_LONGER = 1.2  # times the asked length, after which a story is cut at its last sentence
_TOKENS_A_WORD = 1.6  # that there is room for, with punctuation; the mean is 1.3


@dataclass(frozen=True)
class SamplingOptions:
    """How tokens are drawn.

    Attributes:
        words: asked length.
        temperature: above 0; below 1 likelier, above 1 more surprising.
        top_p: tokens outside the likeliest that make up this share are left out.
        max_copied: longest run of tokens that may be shared with the examples.
        avoid: sequences of tokens that do not occur.
    """

    words: int
    temperature: float
    top_p: float
    max_copied: int
    avoid: tuple[tuple[int, ...], ...] = ()


@dataclass
class Draft:
    """A story on its way.

    Attributes:
        tokens: its own, and where a paragraph begins the token of the empty line.
        text: whole sentences.
        words: of the text.
        natural: ended by the language model itself.
        last_part: the last paragraph has begun.
    """

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    words: int = 0
    natural: bool = False
    last_part: bool = False
    runs: dict[tuple[int, ...], set[int]] = field(default_factory=dict)

    def add(self, sentence: Sentence, text: str) -> None:
        """One more sentence; ``text`` is the whole text with it."""
        for token in sentence.tokens:
            self.push(token)
        self.text = text
        self.words = len(words(text))

    def push(self, token: int) -> None:
        """One more token."""
        self.tokens.append(token)
        tail = tuple(self.tokens[-_REPEATED:])
        if len(tail) == _REPEATED:
            self.runs.setdefault(tail[:-1], set()).add(tail[-1])

    def close(self) -> None:
        """Cut behind the last whole sentence; who speaks has finished."""
        ends = [m.end() for m in re.finditer(r"[.!?][\"'”’)]*(?=\s|$)", self.text)]
        if ends:
            self.text = self.text[: ends[-1]]
        paragraphs = re.split(r"\s*\n\s*", self.text.strip())
        self.text = "\n\n".join(p + '”"'["“" not in p] if is_open(p) else p for p in paragraphs)


@dataclass(frozen=True)
class SampleRequest:
    """One story to draw.

    Attributes:
        prompt: tokens before it.
        options: how its tokens are drawn.
        examples: in tokens; runs longer than ``options.max_copied`` are broken off.
        rng: source of the draws.
        known: what the reader has read before, such as the title; it is not repeated.
        on_text: told the text so far, after every sentence.
    """

    prompt: list[int]
    options: SamplingOptions
    examples: RunIndex
    rng: np.random.Generator
    known: str = ""
    on_text: Callable[[str], None] | None = None


def sample(
    base: StoriesBase,
    phi: Mapping[str, Tensor],
    stories: Sequence[SampleRequest],
    *,
    should_stop: Callable[[], bool] | None = None,
) -> list[Draft]:
    """Stories of one author, side by side: several together take much less time than one after the other.

    Args:
        base: everything loaded.
        phi: learned, with a leading dimension of 1.
        stories: one or more.
        should_stop: asked before every token; raises ``AdaptationCanceled`` where it answers True.
    """
    drafts: dict[int, Draft] = {}
    with torch.inference_mode():
        vocabulary = _Vocabulary(base.tokenizer)
        samplers = [_Sampler(base, phi, wanted, vocabulary) for wanted in stories]
        writing = {number: sampler.story() for number, sampler in enumerate(samplers)}
        read = {number: next(story) for number, story in writing.items()}
        while writing:
            if should_stop is not None and should_stop():
                raise AdaptationCanceled("writing was cancelled")
            caches = [samplers[number].cache for number in writing]
            cache = caches[0] if len(caches) == 1 else CacheBatch(caches)
            logits = base.network(torch.cat([read[number] for number in writing]), phi, cache, last=True)
            parts = torch.split(logits[:, 0].float(), CANDIDATES)
            for (number, story), own in zip(list(writing.items()), parts, strict=True):
                try:
                    read[number] = story.send(own)
                except StopIteration as end:
                    drafts[number] = end.value
                    del writing[number]
    return [drafts[number] for number in range(len(stories))]


Reading = Generator[Tensor, Tensor, Result]
"""Yields the next token of every candidate, (CANDIDATES, 1), and is sent their logits."""


class _Vocabulary:
    """Tokens grouped by their text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        texts = [tokenizer.decode([n]) for n in range(tokenizer.get_vocab_size())]
        self.empty_lines = [n for n, text in enumerate(texts) if "\n\n" in text]
        # old books are printed in lines; a story has paragraphs
        self.line_ends = [n for n, text in enumerate(texts) if "\n" in text and "\n\n" not in text]
        bare = [text.strip() for text in texts]
        self.long_words = np.array([text.isalpha() and len(text) >= _LONG_WORD for text in bare])


class _Sampler:
    """Draws one story."""

    def __init__(
        self, base: StoriesBase, phi: Mapping[str, Tensor], wanted: SampleRequest, vocabulary: _Vocabulary
    ) -> None:
        self.base, self.options, self.wanted, self.vocabulary = base, wanted.options, wanted, vocabulary
        self.examples, self.rng = wanted.examples, wanted.rng
        self.most = round(self.options.words * _LONGER * _TOKENS_A_WORD) + 2 * _MOST
        self.cache = Cache(base.network.shape, CANDIDATES, len(wanted.prompt) + self.most)
        base.network(torch.tensor([wanted.prompt[:-1]]), phi, self.cache, last=True)
        self.cache.keep(0, 0, self.cache.length)

    def story(self) -> Reading[Draft]:
        """The whole story."""
        draft, last, first = Draft(), self.wanted.prompt[-1], list[list[int]]()
        while len(draft.tokens) < self.most - _MOST:
            begun = self.cache.length
            candidates = yield from self.sentences(last, draft, first)
            first = []
            row = best(candidates, self.wanted.known + draft.text, draft.words / self.options.words)
            chosen = candidates[row]
            draft.add(chosen, self.text_of([*draft.tokens, *chosen.tokens]))
            if self.wanted.on_text is not None:
                self.wanted.on_text(draft.text)
            if chosen.after == END:
                draft.natural = True
                break
            if chosen.done and draft.words >= self.options.words:
                break
            paragraph = chosen.after if chosen.paragraph else None
            if chosen.done and not draft.last_part and draft.words >= _LAST_PART * self.options.words:
                draft.last_part = True
                first = self.closings()
                paragraph = [tokens.pop(0) for tokens in first].pop()  # all begin with the same one
            # The last token is read again: each candidate for the next sentence begins in its own way.
            self.cache.keep(row, begun, begun + len(chosen.tokens) + (paragraph is not None))
            if paragraph is not None:
                draft.push(paragraph)
            last = draft.tokens[-1]
        draft.close()
        return draft

    def text_of(self, tokens: list[int]) -> str:
        """The text of some tokens."""
        text: str = self.base.tokenizer.decode(tokens)
        return text

    def closings(self) -> list[list[int]]:
        """A beginning of the last paragraph for each candidate; all have the token of an empty line first."""
        return [self.base.tokenizer.encode(f"\n\n{words}").ids for words in _CLOSINGS]

    def sentences(self, last: int, draft: Draft, first: Sequence[list[int]]) -> Reading[list[Sentence]]:
        """Candidates for the sentence after the token ``last``, which is not read yet.

        ``first``: tokens that each candidate begins with; their likelihood does not count.
        """
        found = [Sentence() for _ in range(CANDIDATES)]
        read = torch.full((CANDIDATES, 1), last)
        for step in range(_MOST):
            logits = yield read
            likelihood = logits.log_softmax(-1)
            drawn = self._draw(logits.clone(), found, draft)
            given = [step < len(tokens) for tokens in first] or [False] * CANDIDATES
            drawn = [first[row][step] if given[row] else token for row, token in enumerate(drawn)]
            for row, (sentence, token) in enumerate(zip(found, drawn, strict=True)):
                if sentence.done:
                    continue
                follows = "\n" if token == END else self.text_of([token])
                if self._complete(sentence) and follows[:1].isspace():
                    sentence.after, sentence.paragraph = token, "\n" in follows
                    sentence.concludes = float(likelihood[row, END])
                    continue
                sentence.tokens.append(token)
                if not given[row]:
                    sentence.likelihood.append(float(likelihood[row, token]))
                sentence.text = self.text_of([*draft.tokens, *sentence.tokens])[len(draft.text) :]
            if sum(not sentence.done for sentence in found) <= _LATE:  # nobody waits for the longest
                break
            read = torch.tensor(drawn)[:, None]
        return found

    @staticmethod
    def _complete(sentence: Sentence) -> bool:
        return len(sentence.tokens) >= _LEAST and _ENDED.search(sentence.text) is not None

    def _first_words(self, text: str) -> list[int]:
        """Tokens with which its last sentences begin."""
        encode = self.base.tokenizer.encode
        return [encode(f" {word}").ids[0] for word in _FIRST_WORD.findall(text)[-_OTHER_STARTS:]]

    @staticmethod
    def _take(
        logits: Tensor, tokens: list[int], nats: Callable[[NDArray[np.intp], NDArray[np.int64]], NDArray[Any]]
    ) -> None:
        """Lower the ``logits`` of each of ``tokens`` by what ``nats`` makes of its count."""
        found, counts = np.unique(tokens, return_counts=True)
        if len(found):
            logits[torch.from_numpy(found).long()] -= torch.from_numpy(nats(counts, found)).float()

    def _draw(self, logits: Tensor, found: list[Sentence], draft: Draft) -> list[int]:
        """A token for each candidate; ``logits`` (CANDIDATES, tokens) are changed."""
        options = self.options
        ending = logits[:, END].clone()
        logits[:, :CONTROL] = -torch.inf
        for row, sentence in enumerate(found):
            tokens = [*draft.tokens[-_WORDS_LOOKED_BACK:], *sentence.tokens]
            self._take(logits[row], tokens[-_LOOKED_BACK:], lambda count, _: _FRESH * (count - 1))
            self._take(
                logits[row],
                tokens[-_WORDS_LOOKED_BACK:],
                lambda count, token: _FRESH_WORD * count * self.vocabulary.long_words[token],
            )
            progress = (draft.words + len(words(sentence.text))) / options.words
            if progress > _ENDING and self._complete(sentence):  # the longer the story, the likelier its end
                logits[row, END] = ending[row] + 12 * (progress - _ENDING)
            tail = tuple(tokens[-_REPEATED + 1 :])
            banned = set(draft.runs.get(tail, ()))
            banned.update(self.vocabulary.line_ends)
            if not self._complete(sentence):
                banned.update(self.vocabulary.empty_lines)
                if not sentence.text or _ENDED.search(sentence.text):
                    banned.update(self._first_words(draft.text + sentence.text))
            banned |= {
                sentence.tokens[i + len(tail)]
                for i in range(len(sentence.tokens) - len(tail))
                if tuple(sentence.tokens[i : i + len(tail)]) == tail
            }
            if len(tokens) >= options.max_copied:
                banned |= self.examples.following(tokens[-options.max_copied :])
            for sequence in options.avoid:
                before = sequence[:-1]
                if not before or tuple(tokens[-len(before) :]) == before:
                    banned.add(sequence[-1])
            logits[row, list(banned)] = -torch.inf
        likely, numbers = logits.topk(min(_LIKELY, logits.shape[1]))
        chances = (likely / options.temperature).softmax(-1).double().numpy()
        drawn = []
        for row in range(len(found)):
            kept = int(np.searchsorted(np.cumsum(chances[row]), options.top_p)) + 1
            kept = min(kept, int((chances[row] >= _UNLIKELY * chances[row, 0]).sum()))
            share = chances[row, :kept] / chances[row, :kept].sum()
            drawn.append(int(numbers[row, self.rng.choice(len(share), p=share)]))
        return drawn
