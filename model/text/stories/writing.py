"""Writes stories in a learned style: what is asked for, where they end, and how original each one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from model.sequence.network import expand_phi
from model.text.errors import WritingError, WritingFailedError
from model.text.originality import RunIndex, Shared
from model.text.stories.base import StoriesBase
from model.text.stories.known import longest_run
from model.text.stories.limits import (
    LEAST_COPIED,
    LONGEST,
    MAX_AVOIDED,
    MAX_MOOD,
    MAX_OPENING,
    MAX_STORIES_WRITTEN,
    MAX_TITLE,
    MOST_COPIED,
    SHORTEST,
)
from model.text.stories.passages import asked, word_numbers, words
from model.text.stories.sampling import Draft, SampleRequest, SamplingOptions, sample
from model.text.stories.style import StoryStyle

GRAM = LEAST_COPIED  # words
_ATTEMPTS = 3
_BOUNDS: dict[str, tuple[float, float]] = {
    "length": (SHORTEST, LONGEST),
    "count": (1, MAX_STORIES_WRITTEN),
    "temperature": (0.1, 2.0),
    "top_p": (0.01, 1.0),
    "max_copied": (GRAM, MOST_COPIED),
}

Person = Literal["first", "third"]
Tense = Literal["past", "present"]
Progress = Callable[[int, str], None]
"""(number of the story, its text so far)"""


@dataclass(frozen=True)
class StoryRequest:
    """What is asked for.

    Attributes:
        title: at most 120 characters.
        opening: how it begins; the story goes on from it and does not repeat it.
        length: in words, 30 to 600, the opening not among them.
        person: first or third; None: as the examples are told.
        tense: past or present.
        mood: in a few words, at most 60 characters.
        avoid: words that do not occur.
        count: how many stories, 1 to 4.
        seed: the same seed, style and request give the same story.
        temperature: 0.1 to 2.
        top_p: above 0, to 1.
        max_copied: longest run of words shared with the examples, 4 to 12.
    """

    title: str = ""
    opening: str = ""
    length: int = 250
    person: Person | None = None
    tense: Tense = "past"
    mood: str = ""
    avoid: tuple[str, ...] = ()
    count: int = 1
    seed: int = 0
    temperature: float = 0.7
    top_p: float = 0.92
    max_copied: int = 8

    def __post_init__(self) -> None:
        """Raises WritingError for what is out of range."""
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise WritingError(f"{name} is between {low} and {high}, not {value}.")
        for name, most in (("title", MAX_TITLE), ("mood", MAX_MOOD), ("opening", MAX_OPENING)):
            if len(getattr(self, name)) > most:
                raise WritingError(f"{name} has at most {most} characters.")
            if "<|" in getattr(self, name):
                raise WritingError(f"{name} cannot hold '<|', a mark of the language model.")
        if len(self.avoid) > MAX_AVOIDED or any(len(words(word)) != 1 for word in self.avoid):
            raise WritingError(f"avoid names at most {MAX_AVOIDED} single words.")


@dataclass(frozen=True)
class Report:
    """How original a story is; lengths in words.

    Attributes:
        examples: what it shares with the examples of its style.
        training: the longest run shared with the training works, and the share of its runs of 8.
        nearest: the passage of the examples around the longest run.
    """

    examples: Shared
    training: tuple[int, float]
    nearest: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        training = {"longest": self.training[0], "share": self.training[1]}
        return {"examples": asdict(self.examples), "training": training, "nearest": self.nearest}


@dataclass(frozen=True)
class WrittenStory:
    """One result.

    Attributes:
        title: as asked for.
        opening: as asked for.
        story: only what was written anew.
        report: how original that is.
        ended: the language model ended it; else it was ended after a sentence.
        seed: its own.
    """

    title: str
    opening: str
    story: str
    report: Report
    ended: bool
    seed: int

    @property
    def text(self) -> str:
        """Title, opening and story."""
        head = f"{self.title}\n\n" if self.title else ""
        space = "" if not self.opening or self.opening[-1].isspace() else " "
        return head + self.opening + space + self.story


class _Known:
    """The examples of a style, to compare with."""

    def __init__(self, base: StoriesBase, examples: Sequence[str]) -> None:
        self.tokens = RunIndex(
            np.array([n for text in examples for n in (*base.tokenizer.encode(text).ids, 0)], np.uint16), GRAM
        )
        numbers: list[int] = []
        self.spelled: list[str] = []
        for text in examples:
            numbers += [*map(int, word_numbers(text)), 0]
            self.spelled += [*words(text), ""]
        self.words = RunIndex(np.array(numbers, np.uint32), GRAM)


class StoryWriter:
    """Writes with a loaded base."""

    def __init__(self, base: StoriesBase) -> None:
        self.base = base

    def write(
        self,
        style: StoryStyle,
        request: StoryRequest,
        *,
        on_text: Progress | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Iterator[WrittenStory]:
        """``request.count`` stories, one after the other.

        Raises:
            WritingFailedError: what was written copies or holds words to avoid, several times in a row.
            AdaptationCanceled: ``should_stop`` answered True.
        """
        known = _Known(self.base, style.examples)
        for number in range(request.count):
            one = replace(request, count=1, seed=request.seed + number)
            told = None if on_text is None else partial(on_text, number)
            yield from self._together(style, known, [one], on_text=told, should_stop=should_stop)

    def write_together(self, style: StoryStyle, requests: Sequence[StoryRequest]) -> list[WrittenStory]:
        """One story for each request, side by side: that takes less time than one after the other.

        Up to rounding they are what ``write`` gives.

        Raises:
            WritingFailedError: see ``write``; then none is given.
        """
        return self._together(style, _Known(self.base, style.examples), requests)

    def _together(
        self,
        style: StoryStyle,
        known: _Known,
        requests: Sequence[StoryRequest],
        *,
        on_text: Callable[[str], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> list[WrittenStory]:
        made: dict[int, WrittenStory] = {}
        for attempt in range(_ATTEMPTS):
            lacking = [number for number in range(len(requests)) if number not in made]
            wanted = [self._wanted(style, known, requests[number], attempt, on_text) for number in lacking]
            drafts = sample(self.base, expand_phi(style.phi, 1), wanted, should_stop=should_stop)
            for number, draft in zip(lacking, drafts, strict=True):
                request, report = requests[number], self._report(draft, known)
                if self._sound(draft, report, request):
                    text = draft.text.strip()
                    made[number] = WrittenStory(
                        request.title, request.opening, text, report, draft.natural, request.seed
                    )
            if len(made) == len(requests):
                return [made[number] for number in range(len(requests))]
        raise WritingFailedError(
            "No story could be written within max_copied and without the words to avoid: allow a larger "
            "max_copied, or avoid fewer words."
        )

    def _wanted(
        self,
        style: StoryStyle,
        known: _Known,
        request: StoryRequest,
        attempt: int,
        on_text: Callable[[str], None] | None,
    ) -> SampleRequest:
        return SampleRequest(
            prompt=self.base.tokenizer.encode(asked(instructions(style, request)) + request.opening).ids,
            options=SamplingOptions(
                request.length,
                request.temperature,
                request.top_p,
                request.max_copied,
                self._banned(request.avoid),
            ),
            examples=known.tokens,
            rng=np.random.default_rng([request.seed, attempt]),
            known=f"{request.title}\n\n{request.opening}",
            on_text=on_text,
        )

    def _banned(self, avoid: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
        found = set()
        for word in avoid:
            for form in (word, word.lower(), word.capitalize(), word.upper()):
                for before in ("", " "):
                    found.add(tuple(self.base.tokenizer.encode(before + form).ids))
        return tuple(sorted(found))

    def _report(self, draft: Draft, known: _Known) -> Report:
        numbers = word_numbers(draft.text)
        shared = known.words.compare(list(map(int, numbers)))
        nearest = ""
        if shared.place is not None:
            around = known.spelled[max(0, shared.place - 6) : shared.place + shared.longest + 6]
            nearest = " ".join(word for word in around if word)
        return Report(shared, longest_run(self.base.known, numbers), nearest)

    @staticmethod
    def _sound(draft: Draft, report: Report, request: StoryRequest) -> bool:
        copied = max(report.examples.longest, report.training[0])
        used = set(words(draft.text))
        avoided = not used & {word for text in request.avoid for word in words(text)}
        return draft.words * 2 >= request.length and copied <= request.max_copied and avoided


def instructions(style: StoryStyle, request: StoryRequest) -> str:
    """What the language model is asked for."""
    person = request.person or style.description.get("person", "third")
    parts = ["Write a short story"]
    if request.title:
        parts.append(f'with the title "{request.title.strip()}"')
    told = f"{' '.join(parts)} of about {request.length} words. Tell it in the {person} person and the "
    told += f"{request.tense} tense, and give it an ending."
    if request.mood:
        told += f" The mood is {request.mood.strip()}."
    return told
