"""Composing: from a style and controls to scores, each with its originality report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from model.music.checkpoint import MusicBase
from model.music.controls import Controls, Settled, settle, sounding_shift
from model.music.encoding import EncodedSong, decode, encode
from model.music.errors import CompositionFailedError
from model.music.grammar_state import Plan
from model.music.originality import GRAM, OriginalityIndex, Shared
from model.music.sampling import SamplingOptions, bar_tokens, sample
from model.music.score import Bar, Note, Score
from model.music.style import MusicStyle
from model.music.vocabulary import COUNTDOWN, VOCABULARY
from model.music.windows import FUTURE_BARS

_ATTEMPTS = 3  # with other chances, before a composition is given up

Progress = Callable[[int, int], None]
"""(bars written, bars in all), of all compositions together"""


@dataclass(frozen=True)
class Report:
    """How original a composition is.

    Attributes:
        examples: what it shares with the examples of its style.
        training: what it shares with the works that the checkpoint was trained on.
        human: what songs of different composers share: percentiles of the longest run and mean share of
        8-grams.
    """

    examples: Shared
    training: Shared
    human: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "examples": asdict(self.examples),
            "training": asdict(self.training),
            "human": dict(self.human),
        }


@dataclass(frozen=True)
class Composition:
    """One result.

    Attributes:
        score: only what was written anew.
        whole: the primer with it, or None without a primer.
        settled: key, tempo, meter and the rest that it was made with.
        report: how original it is.
        seed: its own.
    """

    score: Score
    whole: Score | None
    settled: Settled
    report: Report
    seed: int


class Composer:
    """Composes with a loaded checkpoint; the index of its training works is searched once it is needed."""

    def __init__(self, base: MusicBase) -> None:
        self.base = base
        self.training = OriginalityIndex(base.index, base.header.get("works", []))
        self.human: dict[str, float] = dict(base.header.get("human", {}))

    def compose(
        self,
        style: MusicStyle,
        controls: Controls,
        *,
        on_progress: Progress | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Iterator[Composition]:
        """``controls.count`` compositions, one after the other.

        Raises:
            ControlsError: something is asked for that cannot be.
            CompositionFailedError: no way on within ``max_copied``.
            AdaptationCanceled: ``should_stop`` answered True.
        """
        settled = settle(controls, style.profile)
        examples = OriginalityIndex(style.index, style.works)
        done = 0

        def on_bar(bars: int) -> None:
            if on_progress is not None:
                on_progress(done + bars, controls.count * _length(controls))

        for number in range(controls.count):
            seed = controls.seed + number
            yield self._one(style, controls, settled, examples, seed, on_bar, should_stop)
            done += _length(controls)

    def max_copied(self, controls: Controls) -> int:
        """The asked bound, or one event less than the 95th percentile of human works."""
        if controls.max_copied is not None:
            return controls.max_copied
        return max(GRAM, int(self.human.get("longest_95", 17.0)) - 1)

    def _one(
        self,
        style: MusicStyle,
        controls: Controls,
        settled: Settled,
        examples: OriginalityIndex,
        seed: int,
        on_bar: Callable[[int], None],
        should_stop: Callable[[], bool] | None,
    ) -> Composition:
        task = _Task(controls, settled)
        options = SamplingOptions(controls.temperature, controls.top_p, self.max_copied(controls))
        for attempt in range(_ATTEMPTS):
            try:
                bars = sample(
                    self.base.network,
                    style.phi,
                    task.plan,
                    task.describing,
                    task.before,
                    options,
                    (examples, self.training),
                    np.random.default_rng([seed, attempt]),
                    opening=task.opening,
                    on_bar=on_bar,
                    should_stop=should_stop,
                )
                break
            except CompositionFailedError:
                if attempt == _ATTEMPTS - 1:
                    raise
        title = "Song" if settled.voice else "Piano piece"
        score = decode(bars, task.plan.meters, settled.key, settled.tempo, f"{title} in {settled.key.name}")
        song = EncodedSong(settled.traits, task.plan.meters, tuple(tuple(bar) for bar in bars))
        report = Report(examples.compare(song), self.training.compare(song), self.human)
        return Composition(score, task.whole(score), settled, report, seed)


def _length(controls: Controls) -> int:
    if controls.infill is not None:
        return controls.infill[1] - controls.infill[0] + 1
    return controls.bars


class _Task:
    """What the sampler is asked for: the plan, and what stands before and after."""

    def __init__(self, controls: Controls, settled: Settled) -> None:
        v = VOCABULARY
        self.controls = controls
        primer = controls.primer
        self.opening = primer is None or controls.infill == (1, len(primer.bars))
        self.before: list[list[int]] = []
        self.describing = settled.traits.tokens()
        to_end = 0 if controls.ending == "cadence" else COUNTDOWN
        count = controls.bars
        meters = (settled.meter,) * count
        cadence = controls.ending == "cadence"
        if primer is not None:
            song = encode(primer)
            first = last = len(song.bars)
            if controls.infill is not None:
                first, last = controls.infill[0] - 1, controls.infill[1]
                to_end = len(song.bars) - last
                cadence = to_end == 0 and cadence
                meters = song.meters[first:last]
                count = last - first
            else:
                meters = (song.meters[-1],) * count
            total = first + count + to_end
            remaining = [min(total - i, COUNTDOWN + 1) for i in range(total)]
            self.before = bar_tokens(song.meters[:first], song.bars[:first], remaining[:first])
            if last < len(song.bars):
                end = min(len(song.bars), last + FUTURE_BARS)
                after = bar_tokens(song.meters[last:end], song.bars[last:end], remaining[last:end])
                self.describing = [*self.describing, v.FUTURE, *(t for bar in after for t in bar), v.NOW]
            self.opening = True
        self.plan = Plan(
            meters=tuple(meters),
            shift=sounding_shift(settled.key),
            minor=settled.key.minor,
            to_end=to_end,
            cadence=cadence,
            voice=settled.voice,
        )

    def whole(self, new: Score) -> Score | None:
        """The primer with the new bars in their place."""
        primer = self.controls.primer
        if primer is None:
            return None
        if self.controls.infill is None:
            cut = len(primer.bars)
            after = cut
        else:
            cut, after = self.controls.infill[0] - 1, self.controls.infill[1]
        start = primer.bars[cut - 1].end if cut else 0
        end = primer.bars[after - 1].end if after else 0
        shift = start + new.ticks - end
        notes: list[Note] = [
            replace(n, duration=min(n.duration, start - n.onset)) for n in primer.notes if n.onset < start
        ]
        notes += [replace(n, onset=n.onset + start) for n in new.notes]
        notes += [replace(n, onset=n.onset + shift) for n in primer.notes if n.onset >= end]
        bars: list[Bar] = [*primer.bars[:cut]]
        bars += [Bar(bar.onset + start, bar.meter) for bar in new.bars]
        bars += [Bar(bar.onset + shift, bar.meter) for bar in primer.bars[after:]]
        return replace(primer, notes=tuple(sorted(notes)), bars=tuple(bars))
