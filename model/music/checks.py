"""What must be true of every composition, checked on the score itself and not on how it was made."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from model.music.grammar import RANGES, REACH, VOICE_SPAN
from model.music.notation import bars_of
from model.music.score import Meter, Note, Score, Staff


def problems(
    score: Score, *, bars: int | None = None, meter: Meter | None = None, cadence: bool = True
) -> list[str]:
    """What is wrong with a score, in words; empty for a sound one.

    Args:
        score: the composition.
        bars: how many it was to have.
        meter: of every bar.
        cadence: it was to end on the tonic.
    """
    found: list[str] = []
    if bars is not None and len(score.bars) != bars:
        found.append(f"{len(score.bars)} bars instead of {bars}")
    if meter is not None and any(bar.meter != meter for bar in score.bars):
        found.append(f"another meter than {meter}")
    if any(note.end > score.ticks or note.duration <= 0 for note in score.notes):
        found.append("a note outlasts the last bar")
    for staff in Staff:
        notes = [note for note in score.notes if note.staff is staff]
        low, high = RANGES[staff]
        if any(not low <= note.pitch <= high for note in notes):
            found.append(f"{staff.name.lower()}: out of range")
        for number, (bar, layers) in enumerate(zip(score.bars, bars_of(score, staff), strict=True)):
            full = all(sum(s.ticks for s in layer) == bar.meter.ticks for layer in layers)
            if not full or not all(symbol.kind for layer in layers for symbol in layer):
                found.append(f"{staff.name.lower()}: bar {number + 1} is not full")
        found += _playable(staff, notes)
    if cadence and score.notes and not ends_on_tonic(score):
        found.append("it does not end on the tonic")
    return found


def _playable(staff: Staff, notes: list[Note]) -> list[str]:
    found = []
    chords: dict[int, list[int]] = {}
    for note in notes:
        chords.setdefault(note.onset, []).append(note.pitch)
    if staff is Staff.VOICE:
        line = sorted(notes)
        if any(a.end > b.onset for a, b in pairwise(line)):
            found.append("the voice sings two notes at once")
        if line and max(n.pitch for n in line) - min(n.pitch for n in line) > VOICE_SPAN:
            found.append("the voice's notes lie too far apart")
    elif any(max(chord) - min(chord) > REACH for chord in chords.values()):
        found.append(f"{staff.name.lower()}: a chord wider than a hand")
    if any(count > 1 for chord in chords.values() for count in Counter(chord).values()):
        found.append(f"{staff.name.lower()}: a pitch twice at once")
    return found


def ends_on_tonic(score: Score) -> bool:
    """The last bar holds notes of the tonic triad only, with the tonic as its lowest note."""
    last = [note for note in score.notes if note.onset >= score.bars[-1].onset]
    triad = {(score.key.tonic + degree) % 12 for degree in (0, 3 if score.key.minor else 4, 7)}
    if not last or any(note.pitch % 12 not in triad for note in last):
        return False
    return min(note.pitch for note in last) % 12 == score.key.tonic
