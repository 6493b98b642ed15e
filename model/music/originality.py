"""How much of a song others have already: the longest run shared with them, and the share of 8-grams.

Every staff is a line of events. An event is a chord or a single note: its duration, the interval from the top
note before it, and the intervals inside it; so a run is found in whatever key it returns. Eight events with
fewer than four different ones among them (a repeated chord, a trill) belong to nobody and do not count.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.music.encoding import EncodedSong
from model.music.score import Staff
from model.music.vocabulary import VOCABULARY
from model.music.works import Work

GRAM = 8
DISTINCT = 4
_POWERS = np.array([0x9E3779B97F4A7C15 ** (i + 1) % 2**64 for i in range(GRAM)], np.uint64)


@dataclass
class Line:
    """The events of one staff: 16-bit hashes, and the bar (from 0) in which each begins."""

    staff: Staff
    events: list[int] = field(default_factory=list)
    bars: list[int] = field(default_factory=list)


def event_hash(interval: int, duration: int, below: Sequence[int]) -> int:
    """A number below 65,536 for an event.

    Args:
        interval: semitones from the top note before it.
        duration: ticks.
        below: semitones from its top note down to its others.
    """
    return zlib.crc32(repr((interval, duration, tuple(below))).encode()) & 0xFFFF


def lines_of(song: EncodedSong) -> list[Line]:
    """One line for each staff that has notes."""
    v = VOCABULARY
    lines = {staff: Line(staff) for staff in Staff}
    before: dict[Staff, int] = {}
    for bar, tokens in enumerate(song.bars):
        at = 0
        while at < len(tokens):
            if not v.is_group(tokens[at]):
                at += 1
                continue
            staff, duration = v.group_of(tokens[at])
            end = at + 1
            while end < len(tokens) and v.is_pitch(tokens[end]):
                end += 1
            pitches = tokens[at + 1 : end]
            if pitches:
                line = lines[staff]
                interval = pitches[0] - before.get(staff, pitches[0])
                line.events.append(event_hash(interval, duration, [pitches[0] - p for p in pitches[1:]]))
                line.bars.append(bar)
                before[staff] = pitches[0]
            at = end
    return [line for line in lines.values() if line.events]


def grams(events: NDArray[np.uint16]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The hash of the 8 events from each place on, and whether they are characteristic; (n - 7,) each."""
    if len(events) < GRAM:
        return np.zeros(0, np.uint64), np.zeros(0, np.bool_)
    windows = np.lib.stride_tricks.sliding_window_view(events, GRAM)
    hashes = ((windows.astype(np.uint64) + np.uint64(1)) * _POWERS).sum(1, dtype=np.uint64)
    ordered = np.sort(windows, axis=1)
    return hashes, 1 + (np.diff(ordered, axis=1) != 0).sum(1) >= DISTINCT


def build_index(works: Sequence[Work]) -> tuple[dict[str, Tensor], list[str]]:
    """The lines of all works as arrays for a checkpoint (4 bytes an event), and the works' names."""
    events: list[int] = []
    bars: list[int] = []
    lines: list[tuple[int, int, int]] = []
    for number, work in enumerate(works):
        for line in lines_of(work.song):
            lines.append((len(events), number, int(line.staff)))
            events += line.events
            bars += line.bars
    tensors = {
        "events": torch.from_numpy(np.array(events, np.uint16)),
        "bars": torch.from_numpy(np.array(bars, np.uint16)),
        "lines": torch.from_numpy(np.array(lines, np.int32).reshape(-1, 3)),
    }
    return tensors, [f"{work.composer.replace('_', ' ')}: {work.title}" for work in works]


def human_baseline(
    works: Sequence[Work], index: OriginalityIndex, *, bars: int = 16, count: int = 200, seed: int = 0
) -> dict[str, float]:
    """What stretches of songs share with the songs of other composers: the measure of what is usual.

    Args:
        works: those that the index was built of, in its order.
        index: of these works.
        bars: length of a stretch.
        count: stretches, of works drawn at random.
        seed: of the draw.

    Returns:
        Percentiles 50 and 95 of the longest run, the mean share of 8-grams, and the number of stretches.
    """
    rng = random.Random(seed)
    found = []
    for number in rng.sample(range(len(works)), min(count, len(works))):
        work = works[number]
        first = rng.randrange(max(1, len(work.song.bars) - bars + 1))
        stretch = EncodedSong(
            work.song.traits, work.song.meters[first : first + bars], work.song.bars[first : first + bars]
        )
        own = frozenset(i for i, other in enumerate(works) if other.composer == work.composer)
        found.append(index.compare(stretch, leave_out=own))
    runs = np.array([shared.longest for shared in found])
    return {
        "longest_50": float(np.percentile(runs, 50)),
        "longest_95": float(np.percentile(runs, 95)),
        "share": float(np.mean([shared.share for shared in found])),
        "stretches": len(found),
        "bars": bars,
    }


@dataclass(frozen=True)
class Place:
    """Where a run is found again: bars count from 1."""

    work: str
    staff: str
    bars: tuple[int, int]  # first and last bar there
    own_bars: tuple[int, int]  # first and last bar here
    length: int  # events


@dataclass(frozen=True)
class Shared:
    """What a song shares with some works.

    Attributes:
        longest: events of the longest run, 0 when no 8 events are shared.
        share: of the song's characteristic 8-grams, from 0 to 1.
        nearest: where the longest run is.
    """

    longest: int
    share: float
    nearest: Place | None


class OriginalityIndex:
    """The lines of known works, ready to be searched.

    Args:
        tensors: as ``build_index`` makes them.
        names: of the works.
    """

    def __init__(self, tensors: dict[str, Tensor], names: Sequence[str]) -> None:
        self.names = list(names)
        events = tensors["events"].numpy()
        self.bars = tensors["bars"].numpy()
        self.lines = tensors["lines"].numpy()
        ends = np.append(self.lines[1:, 0], len(events)) if len(self.lines) else np.zeros(0, np.int64)
        hashes, counted = grams(events)
        inside = np.zeros(len(hashes), np.bool_)
        for start, end in zip(self.lines[:, 0], ends, strict=True):
            inside[start : max(start, end - GRAM + 1)] = True
        places = np.flatnonzero(counted & inside)
        order = np.argsort(hashes[places], kind="stable")
        self.hashes, self.places = hashes[places][order], places[order]

    def find(self, gram: int | np.uint64) -> NDArray[np.int64]:
        """Places at which these 8 events begin."""
        low, high = (
            np.searchsorted(self.hashes, np.uint64(gram)),
            np.searchsorted(self.hashes, np.uint64(gram), side="right"),
        )
        return self.places[low:high]

    def work_at(self, place: int) -> int:
        """Number of the work that a place is in."""
        return int(self.lines[np.searchsorted(self.lines[:, 0], place, side="right") - 1, 1])

    def compare(self, song: EncodedSong, *, leave_out: frozenset[int] = frozenset()) -> Shared:
        """The longest run of ``song`` found in these works, and the share of its 8-grams.

        ``leave_out``: numbers of works that do not count (the song itself, its composer's).
        """
        total = known = longest = 0
        best: tuple[Line, int, int] | None = None  # line, place of the last gram here, and there
        for line in lines_of(song):
            hashes, counted = grams(np.array(line.events, np.uint16))
            runs: dict[int, int] = {}
            for i in np.flatnonzero(counted):
                total += 1
                found = [int(p) for p in self.find(hashes[i])]
                if leave_out:
                    found = [p for p in found if self.work_at(p) not in leave_out]
                known += bool(found)
                runs = (
                    {p: runs.get(p - 1, 0) + 1 for p in found}
                    if i == 0 or counted[i - 1]
                    else dict.fromkeys(found, 1)
                )
                for p, count in runs.items():
                    if count + GRAM - 1 > longest:
                        longest, best = count + GRAM - 1, (line, int(i), p)
        return Shared(longest, known / max(1, total), self._place(best, longest) if best else None)

    def _place(self, best: tuple[Line, int, int], length: int) -> Place:
        line, here, there = best
        row = np.searchsorted(self.lines[:, 0], there, side="right") - 1
        _, work, staff = (int(x) for x in self.lines[row])
        last_there, last_here = there + GRAM - 1, here + GRAM - 1
        return Place(
            work=self.names[work],
            staff=Staff(staff).name.lower(),
            bars=(int(self.bars[last_there - length + 1]) + 1, int(self.bars[last_there]) + 1),
            own_bars=(line.bars[last_here - length + 1] + 1, line.bars[last_here] + 1),
            length=length,
        )
