"""What is asked of a score that is to be written, and where it stands: the grammar's two records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from model.music.score import Meter, Staff


@dataclass(frozen=True)
class Plan:
    """What is asked for, as far as the grammar sees to it.

    Attributes:
        meters: of each bar that is to be written.
        shift: semitones from the neutral to the sounding key.
        minor: the mode.
        to_end: bars that follow after the last of them; 0: the piece ends with it.
        cadence: the last bar is the tonic's, after a dominant bass.
        voice: a voice sings; otherwise the piano is alone.
    """

    meters: tuple[Meter, ...]
    shift: int
    minor: bool
    to_end: int = 0
    cadence: bool = True
    voice: bool = True


Phase = Literal["bar", "meter", "bar_begun", "position", "group", "pitch", "end"]


@dataclass
class State:
    """Where a score that is being written stands."""

    phase: Phase = "bar"
    bar: int = -1  # of the plan
    onset: int = 0  # of the bar, in ticks from the first
    place: int = -1  # in the bar
    staff: Staff | None = None
    duration: int = 0
    chord: list[int] = field(default_factory=list)  # sounding pitches of the group being written, falling
    tops: dict[Staff, int] = field(default_factory=dict)  # highest pitch of each staff's groups at this place
    lows: dict[Staff, int] = field(default_factory=dict)
    used: dict[Staff, list[int]] = field(default_factory=dict)  # durations of its groups at this place
    ends: dict[Staff, list[int]] = field(default_factory=lambda: {staff: [] for staff in Staff})
    sounding: dict[tuple[Staff, int], int] = field(default_factory=dict)  # ends by staff and pitch
    divisions: dict[tuple[Staff, int, int], int] = field(
        default_factory=dict
    )  # 3 or 4 by staff, bar and beat
    sung: tuple[int, int] | None = None  # lowest and highest note of the voice
    last_sung: int | None = None
    bass: int | None = None  # the tonic under the last bar

    def copy(self) -> State:
        """An independent one."""
        return replace(
            self,
            chord=[*self.chord],
            tops=dict(self.tops),
            lows=dict(self.lows),
            used={staff: [*durations] for staff, durations in self.used.items()},
            ends={staff: [*ends] for staff, ends in self.ends.items()},
            sounding=dict(self.sounding),
            divisions=dict(self.divisions),
        )
