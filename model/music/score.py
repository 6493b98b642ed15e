"""A song for voice and piano on a grid: notes with onset, duration, pitch and staff, and their bars."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

QUARTER = 24  # ticks: 32nds (3) and sixteenth triplets (4) are on the grid
LOWEST, HIGHEST = 21, 108  # pitches of a piano, as MIDI numbers


class Staff(IntEnum):
    """Who plays a note."""

    VOICE = 0
    RIGHT = 1
    LEFT = 2


@dataclass(frozen=True, order=True)
class Note:
    """One note, without ties: it may cross bars.

    Attributes:
        onset: ticks from the start of the song.
        staff: who plays it.
        pitch: MIDI number.
        duration: ticks.
    """

    onset: int
    staff: Staff
    pitch: int
    duration: int

    @property
    def end(self) -> int:
        """The tick at which it is over."""
        return self.onset + self.duration


@dataclass(frozen=True)
class Meter:
    """A time signature."""

    beats: int
    unit: int  # 4: quarters, 8: eighths

    @property
    def ticks(self) -> int:
        """Length of a bar."""
        return self.beats * 4 * QUARTER // self.unit

    @property
    def beat(self) -> int:
        """Ticks of what is felt as one beat: a dotted quarter in 6/8, 9/8 and 12/8."""
        if self.unit == 8 and self.beats % 3 == 0 and self.beats > 3:
            return 3 * QUARTER // 2
        return 4 * QUARTER // self.unit

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}"


@dataclass(frozen=True)
class Bar:
    """One bar: its first tick and its meter. A pickup is a bar that is filled up with rests before it."""

    onset: int
    meter: Meter

    @property
    def end(self) -> int:
        """The first tick after it."""
        return self.onset + self.meter.ticks


@dataclass(frozen=True)
class Key:
    """A tonic (0: C … 11: B) and a mode."""

    tonic: int
    minor: bool = False

    @property
    def mode(self) -> str:
        """ "major" or "minor"."""
        return "minor" if self.minor else "major"

    @property
    def fifths(self) -> int:
        """Sharps of the signature; negative: flats (-6 … 5)."""
        major = (self.tonic + 3) % 12 if self.minor else self.tonic
        sharps = major * 7 % 12
        return sharps if sharps < 6 else sharps - 12

    @property
    def name(self) -> str:
        """Such as "E flat major", written with b and #: "Eb major"."""
        names = _SHARPS if self.fifths > 0 else _FLATS
        return f"{names[self.tonic]} {self.mode}"

    @classmethod
    def of_signature(cls, fifths: int, *, minor: bool) -> Key:
        """The key with so many sharps."""
        major = fifths * 7 % 12
        return cls((major + 9) % 12 if minor else major, minor)


_SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")


@dataclass(frozen=True)
class Score:
    """A song, or a piece of one.

    Attributes:
        notes: sorted.
        bars: without gaps, from tick 0 on; they cover all notes.
        key: the main key.
        tempo: quarters a minute, of the longest stretch.
        title: of the work, or empty.
    """

    notes: tuple[Note, ...]
    bars: tuple[Bar, ...]
    key: Key
    tempo: float = 100.0
    title: str = ""

    @property
    def ticks(self) -> int:
        """Length."""
        return self.bars[-1].end if self.bars else 0

    @property
    def seconds(self) -> float:
        """Length when played."""
        return self.ticks / QUARTER * 60 / self.tempo

    def bar_at(self, tick: int) -> int:
        """Index of the bar that holds ``tick``."""
        return max(0, bisect_right([bar.onset for bar in self.bars], tick) - 1)

    def transposed(self, semitones: int, key: Key | None = None) -> Score:
        """Every note moved; those that would leave the piano move by an octave less."""

        def moved(pitch: int) -> int:
            pitch += semitones
            return pitch + 12 if pitch < LOWEST else pitch - 12 if pitch > HIGHEST else pitch

        notes = sorted(replace(note, pitch=moved(note.pitch)) for note in self.notes)
        new = key or Key((self.key.tonic + semitones) % 12, self.key.minor)
        return replace(self, notes=tuple(notes), key=new)

    def excerpt(self, first: int, last: int) -> Score:
        """Bars ``first`` … ``last - 1`` as a score of its own; notes that begin in them, cut at its end."""
        bars = self.bars[first:last]
        start, end = bars[0].onset, bars[-1].end
        notes = tuple(
            replace(n, onset=n.onset - start, duration=min(n.duration, end - n.onset))
            for n in self.notes
            if start <= n.onset < end
        )
        return replace(self, notes=notes, bars=tuple(replace(b, onset=b.onset - start) for b in bars))


def joined(parts: Sequence[Score]) -> Score:
    """One score after the other; key and tempo are those of the first."""
    notes: list[Note] = []
    bars: list[Bar] = []
    at = 0
    for part in parts:
        notes += [replace(n, onset=n.onset + at) for n in part.notes]
        bars += [replace(b, onset=b.onset + at) for b in part.bars]
        at += part.ticks
    return replace(parts[0], notes=tuple(sorted(notes)), bars=tuple(bars))
