"""The tokens that a song is written in for the network.

A stretch of a song is a few tokens that describe it (mode, tempo, density, register), then its bars:

    BAR_n  [METER]  (POSITION  (GROUP  PITCH+)+)*

BAR_n counts down to the end (4, 3, 2, 1; MANY before that), a meter is named in the first bar and where it
changes, GROUP is a staff and a duration, and the pitches of a chord fall. Pitches are written as if the key
were C major or C minor, so that no key has to be learned twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from model.music.score import HIGHEST, LOWEST, QUARTER, Meter, Staff

METERS = (
    Meter(2, 4), Meter(3, 4), Meter(4, 4), Meter(2, 2), Meter(6, 8), Meter(3, 8), Meter(9, 8), Meter(12, 8),
    Meter(6, 4), Meter(3, 2), Meter(5, 4), Meter(2, 8), Meter(4, 8), Meter(1, 4),
)  # fmt: skip
LONGEST_BAR = 6 * QUARTER
POSITIONS = tuple(sorted({*range(0, LONGEST_BAR, 3), *range(0, LONGEST_BAR, 4)}))
DURATIONS = (
    3, 4, 6, 8, 9, 12, 15, 16, 18, 21, 24, 28, 30, 32, 36, 42, 48, 54,
    60, 64, 72, 84, 96, 108, 120, 144, 168, 192,
)  # fmt: skip
TEMPOS = (66.0, 84.0, 98.0, 112.0, 132.0)  # bounds between six classes, quarters a minute
DENSITIES = (4.5, 5.2, 5.9, 7.1)  # bounds between five classes, notes a quarter
REGISTERS = (59.4, 64.7)  # bounds between three classes, mean pitch in the neutral key
COUNTDOWN = 4  # bars before the end that have a token of their own


@dataclass(frozen=True)
class Vocabulary:
    """Numbers of the tokens. Its fields say which tables it is made of: they are part of a checkpoint."""

    meters: tuple[Meter, ...] = METERS
    positions: tuple[int, ...] = POSITIONS
    durations: tuple[int, ...] = DURATIONS

    PAD = 0
    END = 1
    FUTURE = 2  # what follows the gap is told first
    NOW = 3  # from here on the song itself
    OPENING = 4  # the first bar of the song follows
    MODE = 5  # any, major, minor
    TEMPO = MODE + 3  # any, then the classes
    DENSITY = TEMPO + len(TEMPOS) + 2
    REGISTER = DENSITY + len(DENSITIES) + 2
    BAR = REGISTER + len(REGISTERS) + 2  # many, then 1 … COUNTDOWN bars to the end, the bar itself counted
    METER = BAR + 1 + COUNTDOWN

    @cached_property
    def position(self) -> int:
        """Number of the first position token."""
        return self.METER + len(self.meters)

    @cached_property
    def group(self) -> int:
        """Number of the first group token: staff by staff, the durations."""
        return self.position + len(self.positions)

    @cached_property
    def pitch(self) -> int:
        """Number of the first pitch token."""
        return self.group + len(Staff) * len(self.durations)

    @cached_property
    def size(self) -> int:
        """How many tokens there are."""
        return self.pitch + HIGHEST - LOWEST + 1

    @cached_property
    def _position_index(self) -> dict[int, int]:
        return {tick: i for i, tick in enumerate(self.positions)}

    @cached_property
    def _meter_index(self) -> dict[Meter, int]:
        return {meter: i for i, meter in enumerate(self.meters)}

    @cached_property
    def _duration_index(self) -> list[int]:
        """Index of the nearest duration for every length in ticks, the longest for longer ones."""
        return [
            min(range(len(self.durations)), key=lambda i: (abs(self.durations[i] - ticks), i))
            for ticks in range(self.durations[-1] + 1)
        ]

    def position_token(self, tick: int) -> int:
        """The token of a place in a bar, in ticks from its start."""
        return self.position + self._position_index[tick]

    def meter_token(self, meter: Meter) -> int:
        """The token of a meter; one that has none is told as the known one of the same length, or as 4/4."""
        index = self._meter_index.get(meter)
        if index is None:
            same = [i for i, known in enumerate(self.meters) if known.ticks == meter.ticks]
            index = same[0] if same else self._meter_index[Meter(4, 4)]
        return self.METER + index

    def group_token(self, staff: Staff, duration: int) -> int:
        """The token of a staff and the nearest duration."""
        duration = min(duration, self.durations[-1])
        return self.group + int(staff) * len(self.durations) + self._duration_index[duration]

    def pitch_token(self, pitch: int) -> int:
        """The token of a pitch in the neutral key."""
        return self.pitch + pitch - LOWEST

    def bar_token(self, remaining: int) -> int:
        """The token of a bar that is the last (1), the last but one (2) …"""
        return self.BAR + (remaining if remaining <= COUNTDOWN else 0)

    def is_bar(self, token: int) -> bool:
        """A bar begins."""
        return self.BAR <= token < self.METER

    def is_meter(self, token: int) -> bool:
        """A meter is named."""
        return self.METER <= token < self.position

    def is_position(self, token: int) -> bool:
        """A place in the bar."""
        return self.position <= token < self.group

    def is_group(self, token: int) -> bool:
        """A staff and a duration."""
        return self.group <= token < self.pitch

    def is_pitch(self, token: int) -> bool:
        """A note."""
        return self.pitch <= token < self.size

    def group_of(self, token: int) -> tuple[Staff, int]:
        """Staff and duration of a group token."""
        staff, duration = divmod(token - self.group, len(self.durations))
        return Staff(staff), self.durations[duration]


def level(value: float, bounds: tuple[float, ...]) -> int:
    """The class of ``value`` between ``bounds``, from 0."""
    return sum(value >= bound for bound in bounds)


VOCABULARY = Vocabulary()
