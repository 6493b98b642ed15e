"""A score as plain data: for JSON, and for whoever draws or plays it."""

from __future__ import annotations

from typing import Any

from model.music.score import QUARTER, Score


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
