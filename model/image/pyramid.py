"""Plans the levels of a picture, coarse to fine, and their sizes; importable without torch.

A picture is drawn on 64, 128, 256 and 512 pixels of its longer side (``model.image.rendering.redrawing``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image

Size = tuple[int, int]  # width, height
SIDES = (64, 128, 256, 512)  # pixels of the longer side
REVISED_FROM = 3  # level from which on the level before is revised in detail, and not drawn anew
REVISED = 4  # pixels: what is larger stays as the level before drew it
EVEN = 6 / 255  # standard deviation of a neighbourhood of the photo that counts as even by half
EVEN_BLOCK = 4  # pixels a side in which it is looked at
EVEN_REACH = 3  # blocks to each side, of the guided filter that evens them
STRUCTURE = 8  # pixels: in what is smaller, light and dark of a level are set right by the photo
MOST_LIFT = 3.0  # times, of the photo's contrast where a render is lighter than the photo
DARK = 0.05  # light, 0..1, below which contrast is not relative to it any more
LEAST_SIDE = 16  # pixels a side: with fewer a border by reflection is wider than the map that it is of
SPARE = 1.25  # how much larger than its level's side a picture may be drawn without being enlarged


@dataclass(frozen=True)
class Step:
    """One of the sizes at which a picture is drawn, and the level (a position in ``SIDES``) that draws it."""

    level: int
    size: Size


def plan(size: Size, stroke_size: float = 1.0) -> list[Step]:
    """At which sizes a picture of ``size`` is drawn, coarse to fine; the last is ``size`` or resized to it.

    ``stroke_size``: how large strokes are, relative to the picture; 1 is as the style was learned.
    A small picture is drawn by fewer levels; the last is the one whose side is most like the picture's.
    """
    longest = max(size)
    sides = [side / stroke_size for side in SIDES]
    finest = longest if longest <= SPARE * sides[-1] else sides[-1]
    last = min(range(len(sides)), key=lambda i: abs(math.log(sides[i] / finest)))
    steps = [Step(level, _scaled(size, side / longest)) for level, side in enumerate(sides[:last])]
    whole = finest == longest and min(size) >= LEAST_SIDE
    final = size if whole else _scaled(size, finest / longest)
    return [*steps, Step(last, final)]


def _scaled(size: Size, scale: float) -> Size:
    """A size in multiples of four."""
    width, height = (max(LEAST_SIDE, 4 * round(length * scale / 4)) for length in size)
    return width, height


def level_size(size: Size, side: float) -> Size:
    """The size with the longer side at ``side``, in multiples of four."""
    return _scaled(size, side / max(size))


def resized(photo: Image.Image, size: Size) -> Image.Image:
    """The photo at a size; itself when it has it."""
    return photo if photo.size == size else photo.resize(size, Image.Resampling.LANCZOS)
