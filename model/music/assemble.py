"""From the raw notes of a file to a score on the grid: rounded, in bars, with a key."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from model.music.errors import EmptyWorkError, WorkTooLargeError
from model.music.key import find_key
from model.music.parts import Track, assign_staves
from model.music.score import HIGHEST, LOWEST, QUARTER, Bar, Meter, Note, Score

MAX_NOTES = 20_000
MAX_BARS = 1_500
MIN_NOTES = 16
LONGEST_BAR = 6 * QUARTER  # longer ones are read as several
_GRID = sorted({*range(0, QUARTER + 1, 3), *range(0, QUARTER, 4)})


def snap(tick: Fraction | float) -> int:
    """The nearest 32nd or sixteenth triplet."""
    whole, part = divmod(float(tick), QUARTER)
    after = bisect_left(_GRID, part)
    if after and part - _GRID[after - 1] <= _GRID[after] - part:
        after -= 1
    place: int = _GRID[after]
    return int(whole) * QUARTER + place


def assemble(
    tracks: Sequence[Track],
    meters: Sequence[tuple[int, Meter]],
    fifths: int | None,
    tempos: Sequence[tuple[int, float]],
    *,
    title: str = "",
) -> Score:
    """A score of tracks whose notes are on the grid already.

    Args:
        tracks: at most a few; notes in ticks.
        meters: time signatures by the tick at which each begins.
        fifths: sharps of the first key signature, None without one.
        tempos: quarters a minute by tick.

    Raises:
        EmptyWorkError: fewer than 16 notes.
        WorkTooLargeError: too many notes or bars.
    """
    count = sum(len(track.notes) for track in tracks)
    if count < MIN_NOTES:
        raise EmptyWorkError(f"The work has {count} notes, and at least {MIN_NOTES} are needed.")
    if count > MAX_NOTES:
        raise WorkTooLargeError(f"The work has {count:,} notes, and at most {MAX_NOTES:,} are read.")
    notes = _distinct(assign_staves(tracks))
    end = max(note.end for note in notes)
    bars = make_bars(meters, end)
    return Score(
        notes=tuple(notes),
        bars=tuple(bars),
        key=find_key(notes, fifths),
        tempo=_main_tempo(tempos, end),
        title=title[:200],
    )


def make_bars(meters: Sequence[tuple[int, Meter]], end: int) -> list[Bar]:
    """Bars from tick 0 to ``end``. A meter that begins inside a bar begins with the next one.

    Raises:
        WorkTooLargeError: more bars than are read.
    """
    changes = sorted(meters, key=lambda change: change[0])
    bars: list[Bar] = []
    at, current = 0, Meter(4, 4)
    while at < end or not bars:
        while changes and changes[0][0] <= at:
            current = _short(changes.pop(0)[1])
        bars.append(Bar(at, current))
        at += current.ticks
        if len(bars) > MAX_BARS:
            raise WorkTooLargeError(f"The work has more than {MAX_BARS:,} bars.")
    return bars


def _short(meter: Meter) -> Meter:
    """The meter itself, or of one that is too long for the grid the third, half or fifth of it."""
    if meter.ticks <= LONGEST_BAR:
        return meter
    for parts in (3, 2, 5, 7):
        if meter.beats % parts == 0 and meter.ticks // parts <= LONGEST_BAR:
            return Meter(meter.beats // parts, meter.unit)
    return Meter(4, 4)


def _distinct(notes: Sequence[Note]) -> list[Note]:
    """One note for a pitch and onset of a staff (the longest), within the piano's range."""
    longest: dict[tuple[int, int, int], Note] = {}
    for note in notes:
        pitch = note.pitch
        while pitch < LOWEST:
            pitch += 12
        while pitch > HIGHEST:
            pitch -= 12
        place = (note.onset, int(note.staff), pitch)
        if place not in longest or longest[place].duration < note.duration:
            longest[place] = replace(note, pitch=pitch)
    return sorted(longest.values())


def _main_tempo(tempos: Sequence[tuple[int, float]], end: int) -> float:
    lengths: dict[float, int] = {}
    changes = sorted(tempos)
    for i, (tick, tempo) in enumerate(changes):
        until = changes[i + 1][0] if i + 1 < len(changes) else end
        lengths[tempo] = lengths.get(tempo, 0) + max(0, min(until, end) - tick)
    tempo = max(lengths, key=lambda one: lengths[one]) if lengths else 100.0
    return min(240.0, max(30.0, tempo))
