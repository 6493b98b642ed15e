"""Draws stories token by token: several side by side, ended where a sentence ends, copied runs broken off."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.errors import AdaptationCanceled
from model.text.originality import RunIndex
from model.text.stories.base import StoriesBase
from model.text.stories.llama import Memory
from model.text.stories.passages import words

CONTROL = 17  # tokens below are marks of the language model, not text
END = 2
_REPEATED = 6  # tokens: a run of so many comes once in a story
_FRESH = 0.25  # nats taken from a token for every time that it stood among the last ones
_LOOKED_BACK = 64
_ENDED = re.compile(r"[.!?][\"'”’)]*\s*$")
_LONGER = 1.3  # times the asked length, after which a story is cut at its last sentence


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
    """One story on its way: its tokens, its text, and whether and how it has ended."""

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    words: int = 0
    done: bool = False
    natural: bool = False  # ended by the language model itself
    runs: dict[tuple[int, ...], set[int]] = field(default_factory=dict)

    def add(self, token: int, text: str) -> None:
        """One more token; ``text`` is the whole text with it."""
        self.tokens.append(token)
        self.text = text
        self.words = len(words(text))
        tail = tuple(self.tokens[-_REPEATED:])
        if len(tail) == _REPEATED:
            self.runs.setdefault(tail[:-1], set()).add(tail[-1])

    def close(self) -> None:
        """Cut behind the last whole sentence."""
        self.done = True
        ends = [m.end() for m in re.finditer(r"[.!?][\"'”’)]*(?=\s|$)", self.text)]
        if ends:
            self.text = self.text[: ends[-1]]


def sample(
    base: StoriesBase,
    phi: Mapping[str, Tensor],
    prompts: Sequence[Sequence[int]],
    options: SamplingOptions,
    examples: RunIndex,
    rngs: Sequence[np.random.Generator],
    *,
    on_text: Callable[[int, str], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> list[Draft]:
    """One draft for each generator.

    Args:
        base: everything loaded.
        phi: learned, with a leading dimension that divides the number of prompts.
        prompts: tokens before each story, of equal length.
        options: see there.
        examples: in tokens; runs longer than ``options.max_copied`` are broken off.
        rngs: of the draws.
        on_text: told the number of a draft and its text so far.
        should_stop: asked before every token; raises ``AdaptationCanceled`` where it answers True.
    """
    drafts = [Draft() for _ in rngs]
    most = round(options.words * _LONGER * 1.6) + 40  # tokens: a word has 1.3 of them, with its marks
    memory = Memory(base.network.shape, len(prompts), len(prompts[0]) + most)
    read = torch.tensor([list(prompt) for prompt in prompts])
    with torch.inference_mode():
        for _ in range(most):
            if should_stop is not None and should_stop():
                raise AdaptationCanceled("writing was cancelled")
            logits = base.network(read, phi, memory, last=True)[:, 0].float().numpy().astype(np.float64)
            drawn = []
            for number, (draft, rng) in enumerate(zip(drafts, rngs, strict=True)):
                token = END if draft.done else _draw(draft, logits[number], options, examples, rng)
                drawn.append(token)
                if draft.done:
                    continue
                if token == END:
                    draft.done = draft.natural = True
                    continue
                draft.add(token, base.tokenizer.decode([*draft.tokens, token]))
                if on_text is not None:
                    on_text(number, draft.text)
                if (
                    draft.words >= options.words and _ENDED.search(draft.text)
                ) or draft.words >= options.words * _LONGER:
                    draft.close()
            if all(draft.done for draft in drafts):
                break
            read = torch.tensor(drawn)[:, None]
    for draft in drafts:
        if not draft.done:
            draft.close()
    return drafts


def _draw(
    draft: Draft,
    logits: NDArray[np.float64],
    options: SamplingOptions,
    examples: RunIndex,
    rng: np.random.Generator,
) -> int:
    logits = logits.copy()
    ending = logits[END]
    logits[:CONTROL] = -np.inf
    recent, counts = np.unique(draft.tokens[-_LOOKED_BACK:], return_counts=True)
    if len(recent):
        logits[recent.astype(np.int64)] -= _FRESH * (counts - 1)
    progress = draft.words / options.words
    if progress > 0.7 and _ENDED.search(draft.text):  # the nearer to the asked length, the likelier the end
        logits[END] = ending + 12 * (progress - 0.7)
    banned = set(draft.runs.get(tuple(draft.tokens[-_REPEATED + 1 :]), ()))
    if len(draft.tokens) >= options.max_copied:
        banned |= examples.following(draft.tokens[-options.max_copied :])
    for sequence in options.avoid:
        before = sequence[:-1]
        if not before or tuple(draft.tokens[-len(before) :]) == before:
            banned.add(sequence[-1])
    logits[list(banned)] = -np.inf
    chances = np.exp((logits - logits.max()) / options.temperature)
    chances /= chances.sum()
    order = np.argsort(-chances, kind="stable")[:1000]
    kept = order[: int(np.searchsorted(np.cumsum(chances[order]), options.top_p)) + 1]
    return int(rng.choice(kept, p=chances[kept] / chances[kept].sum()))
