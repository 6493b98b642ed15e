"""Writes poems in a learned style: form, title, script, and how original each one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from model.text.errors import WritingError, WritingFailedError
from model.text.originality import RunIndex, Shared
from model.text.poems.checkpoint import PoemsBase
from model.text.poems.encoding import encode
from model.text.poems.forms import Form, form_named
from model.text.poems.limits import LEAST_COPIED, MAX_POEMS_WRITTEN, MOST_COPIED
from model.text.poems.poem import LONGEST_TITLE, Layout, Poem
from model.text.poems.sampling import Candidate, SamplingOptions, sample
from model.text.poems.script import is_simplified, to_simplified, to_traditional
from model.text.poems.style import PoemStyle, example_runs

GRAM = LEAST_COPIED  # characters: shorter runs are everybody's
_ATTEMPTS = 3  # with other chances, before a poem is given up

_BOUNDS: dict[str, tuple[float, float]] = {
    "count": (1, MAX_POEMS_WRITTEN),
    "temperature": (0.1, 2.0),
    "top_p": (0.01, 1.0),
    "max_copied": (GRAM, MOST_COPIED),
}

Script = Literal["simplified", "traditional"]
Progress = Callable[[int, int], None]
"""(characters written, characters in all), of all poems together"""


@dataclass(frozen=True)
class PoemRequest:
    """What is asked for.

    Attributes:
        form: see ``model.text.poems.forms``.
        title: what the poem is about, at most 10 characters; of a ci, its tune.
        count: how many poems, 1 to 16.
        seed: the same seed, style and request give the same poem.
        temperature: 0.1 to 2.
        top_p: above 0, to 1.
        max_copied: longest run of characters shared with the examples or a training poem, 3 to 8.
        avoid: characters that are not used.
        script: how it is written; None: as the examples are.
    """

    form: str = "jueju"
    title: str = ""
    count: int = 1
    seed: int = 0
    temperature: float = 0.9
    top_p: float = 0.92
    max_copied: int = 4
    avoid: str = ""
    script: Script | None = None

    def __post_init__(self) -> None:
        """Raises WritingError for what is out of range."""
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise WritingError(f"{name} is between {low} and {high}, not {value}.")
        if len(self.title) > LONGEST_TITLE:
            raise WritingError(f"A title has at most {LONGEST_TITLE} characters, not {len(self.title)}.")
        if len(self.avoid) > 200:
            raise WritingError(f"avoid names at most 200 characters, not {len(self.avoid)}.")


@dataclass(frozen=True)
class Nearest:
    """Where the longest shared run is found again: whose poem, and the passage around it."""

    author: str
    passage: str


@dataclass(frozen=True)
class Report:
    """How original a poem is.

    Attributes:
        examples: what it shares with the examples of its style; lengths in characters.
        training: what it shares with the training poems.
        nearest: the place of the longest run.
        human: what poems of different poets share.
    """

    examples: Shared
    training: Shared
    nearest: Nearest | None
    human: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class WrittenPoem:
    """One result: the poem in the asked script, its form, its report and its own seed."""

    poem: Poem
    form: Form
    report: Report
    seed: int

    @property
    def text(self) -> str:
        """With marks, the title first."""
        return self.poem.written()


class PoemWriter:
    """Writes with a loaded checkpoint; its training poems are searched once they are needed."""

    def __init__(self, base: PoemsBase) -> None:
        self.base = base
        self.human: dict[str, float] = dict(base.header.get("human", {}))
        self.tunes: dict[str, Layout] = {
            title: tuple((int(length), bool(stop)) for length, stop in layout)
            for title, layout in base.header.get("tunes", {}).items()
        }
        self.training = base.known
        self.poets: list[tuple[str, int]] = [(str(a), int(b)) for a, b in base.header.get("poets", [])]

    def write(
        self,
        style: PoemStyle,
        request: PoemRequest,
        *,
        on_progress: Progress | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Iterator[WrittenPoem]:
        """``request.count`` poems, one after the other.

        Raises:
            WritingError: an unknown form or tune.
            WritingFailedError: no way on within the form and ``max_copied``.
            AdaptationCanceled: ``should_stop`` answered True.
        """
        title = (
            to_traditional(request.title) if request.title and is_simplified(request.title) else request.title
        )
        tune = title if title in self.tunes or title in {p.title for p in style.poems} else None
        form = form_named(request.form, style.poems, self.tunes, tune)
        numbers = [encode(poem, form.kind, self.base.alphabet).body for poem in style.poems]
        examples = RunIndex(example_runs(numbers), GRAM)
        avoid = request.avoid + (to_traditional(request.avoid) if request.avoid else "")
        options = SamplingOptions(
            request.temperature,
            request.top_p,
            request.max_copied,
            frozenset(self.base.alphabet.numbers(avoid)) - {0},
            repeat=not form.patterns,
        )
        length = sum(n for n, _ in form.layout)
        simplified = style.simplified if request.script is None else request.script == "simplified"
        for number in range(request.count):
            seed = request.seed + number

            def on_character(written: int, done: int = number * length) -> None:
                if on_progress is not None:
                    on_progress(done + written, request.count * length)

            best = self._best(style, form, title, options, examples, seed, on_character, should_stop)
            poem = _poem(best, form, title, self.base)
            report = self._report(best, examples, style)
            if simplified:
                lines = tuple(to_simplified(line) for line in poem.lines)
                poem = Poem(to_simplified(poem.title), lines, poem.stops)
            yield WrittenPoem(poem, form, report, seed)

    def _best(
        self,
        style: PoemStyle,
        form: Form,
        title: str,
        options: SamplingOptions,
        examples: RunIndex,
        seed: int,
        on_character: Callable[[int], None],
        should_stop: Callable[[], bool] | None,
    ) -> Candidate:
        for attempt in range(_ATTEMPTS):
            found = sample(
                self.base, style.phi, form, self.base.alphabet.numbers(title), options,
                (examples, self.training), [seed, attempt],
                on_character=on_character, should_stop=should_stop,
            )  # fmt: skip
            if found:
                return found[0]
        raise WritingFailedError(
            "No poem could be written within the form: avoid fewer characters, or allow a larger max_copied."
        )

    def _report(self, made: Candidate, examples: RunIndex, style: PoemStyle) -> Report:
        own, others = examples.compare(made.body), self.training.compare(made.body)
        nearest: Nearest | None = None
        if own.place is not None and own.longest >= others.longest:
            nearest = Nearest("an example", self._passage(examples, own.place, own.longest))
        elif others.place is not None:
            author = self._author(self.training.text_at(others.place))
            nearest = Nearest(author, self._passage(self.training, others.place, others.longest))
        return Report(own, others, nearest, self.human)

    def _passage(self, index: RunIndex, place: int, length: int) -> str:
        tokens = index.tokens[max(0, place - 7) : place + length + 7]
        before, after = tokens[: min(7, place)], tokens[min(7, place) :]
        cut = np.flatnonzero(before == 0)
        before = before[int(cut[-1]) + 1 :] if len(cut) else before
        stop = np.flatnonzero(after[length:] == 0)
        after = after[: length + int(stop[0])] if len(stop) else after
        return self.base.alphabet.text(map(int, [*before, *after]))

    def _author(self, poem: int) -> str:
        for name, count in self.poets:
            if poem < count:
                return name
            poem -= count
        return ""


def _poem(made: Candidate, form: Form, title: str, base: PoemsBase) -> Poem:
    lines, at = [], 0
    for length, _ in form.layout:
        lines.append(base.alphabet.text(made.body[at : at + length]))
        at += length
    return Poem(title, tuple(lines), tuple(stop for _, stop in form.layout))
