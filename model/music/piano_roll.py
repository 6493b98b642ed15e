"""A picture of the notes: time to the right, pitch upwards, one colour for each staff."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from model.music.score import QUARTER, Score, Staff

COLORS = {Staff.VOICE: (200, 62, 58), Staff.RIGHT: (45, 106, 170), Staff.LEFT: (58, 138, 92)}
_BLACK_KEYS = {1, 3, 6, 8, 10}


def draw_piano_roll(score: Score, *, width: int = 1600, height: int = 480) -> bytes:
    """A PNG of ``width`` x ``height`` pixels, larger than 100 x 60; bar lines in grey."""
    image = Image.new("RGB", (width, height), (252, 251, 248))
    draw = ImageDraw.Draw(image)
    pitches = [note.pitch for note in score.notes] or [48, 72]
    low, high = min(pitches) - 2, max(pitches) + 2
    row = height / (high - low + 1)
    column = width / max(score.ticks, QUARTER)
    for pitch in range(low, high + 1):
        if pitch % 12 in _BLACK_KEYS:
            top = (high - pitch) * row
            draw.rectangle((0, top, width, top + row), fill=(244, 242, 237))
        if pitch % 12 == 0:
            bottom = (high - pitch + 1) * row
            draw.line((0, bottom, width, bottom), fill=(222, 218, 210))
    for bar in score.bars:
        draw.line((bar.onset * column, 0, bar.onset * column, height), fill=(205, 200, 190))
    for note in sorted(score.notes, key=lambda n: -n.staff):
        left, right = note.onset * column, note.end * column - 1
        top = (high - note.pitch) * row
        draw.rectangle((left, top, max(left + 1, right), top + row - 1), fill=COLORS[note.staff])
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
