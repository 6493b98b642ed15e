"""A score as plain data: for JSON, and for whoever draws or plays it."""

from __future__ import annotations

from typing import Any

from model.music.score import HIGHEST, LOWEST, QUARTER, Bar, Key, Meter, Note, Score, Staff


def score_to_dict(score: Score) -> dict[str, Any]:
    """Key, tempo, bars and notes; onsets and durations in quarters, the bar counted from 1."""
    return {
        "title": score.title,
        "key": score.key.name,
        "tempo": score.tempo,
        "seconds": round(score.seconds, 3),
        "bars": [{"onset": bar.onset / QUARTER, "meter": str(bar.meter)} for bar in score.bars],
        "notes": [
            {
                "bar": (index := score.bar_at(note.onset)) + 1,
                "beat": 1 + (note.onset - score.bars[index].onset) / score.bars[index].meter.beat,
                "onset": note.onset / QUARTER,
                "duration": note.duration / QUARTER,
                "pitch": note.pitch,
                "staff": note.staff.name.lower(),
            }
            for note in score.notes
        ],
    }


def score_from_dict(data: dict[str, Any]) -> Score:
    """The score that ``score_to_dict`` wrote, note for note.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    keys = {Key(tonic, minor).name: Key(tonic, minor) for tonic in range(12) for minor in (False, True)}
    bars = []
    for bar in data["bars"]:
        beats, _, unit = str(bar["meter"]).partition("/")
        bars.append(Bar(_ticks(bar["onset"]), Meter(int(beats), int(unit))))
    notes = [
        Note(_ticks(n["onset"]), Staff[str(n["staff"]).upper()], int(n["pitch"]), _ticks(n["duration"]))
        for n in data["notes"]
    ]
    if not bars or not notes:
        raise ValueError("no bars or no notes")
    if not all(LOWEST <= n.pitch <= HIGHEST and n.duration > 0 and n.onset >= 0 for n in notes):
        raise ValueError("a note is out of range")
    title, tempo = str(data["title"])[:300], float(data["tempo"])
    return Score(tuple(sorted(notes)), tuple(bars), keys[str(data["key"])], tempo, title)


def _ticks(quarters: float) -> int:
    return round(float(quarters) * QUARTER)
