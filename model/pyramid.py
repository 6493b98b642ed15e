"""A photo redrawn coarse to fine: the levels and their sizes, and what each level draws on.

A picture is drawn on 64, 128, 256 and 512 pixels of its longer side. At the first level the network sees the
photo; at every finer one it sees the level before, enlarged, with a part of the detail that the photo has at
this size (its Laplacian band, Burt & Adelson 1983). What is bold was decided when a stroke was a tenth of the
picture; the finer levels make it sharp (Kolkin et al. 2022).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from model.dials import Dials
from model.passes import Size

SIDES = (64, 128, 256, 512)  # pixels of the longer side
LEAST_SIDE = 16  # pixels a side: with fewer a border by reflection is wider than the map that it is of
_SPARE = 1.25  # how much larger than its level's side a picture may be drawn without being enlarged


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
    finest = longest if longest <= _SPARE * sides[-1] else sides[-1]
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


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """(B, 3, h, w) at the height and width of ``like``, bilinearly."""
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def level_input(photo: Tensor, coarse_photo: Tensor, coarse_render: Tensor, detail: float | Tensor) -> Tensor:
    """What a level draws on: the level before, enlarged, and ``detail`` times what the photo has beside it.

    All (B, 3, H, W) in 0..1, ``coarse_*`` of the level before; ``detail`` a number or (B, 1, 1, 1). Were the
    render the photo and ``detail`` 1, it would be the photo.
    """
    band = photo - enlarged(coarse_photo, photo)
    return (enlarged(coarse_render, photo) + detail * band).clamp(0, 1)


Draw = Callable[[int, Tensor, bool], Tensor]
"""(position in the plan, its input, whether it is drawn again) -> the render, of the same shape."""


def redraw(photos: Sequence[Tensor], draw: Draw, levels: Sequence[int], dials: Sequence[Dials]) -> Tensor:
    """Draw level by level; the finest render.

    Args:
        photos: B photos at each size of a plan, coarse to fine: (B, 3, H, W) in 0..1.
        draw: draws B inputs.
        levels: the level of each size.
        dials: how each of the B photos is drawn.
    """

    def each(value: Callable[[Dials], float]) -> Tensor:
        return torch.tensor([value(d) for d in dials]).view(-1, 1, 1, 1).to(photos[0])

    render = photos[0]
    for at, (photo, level) in enumerate(zip(photos, levels, strict=True)):
        x = photo
        if at > 0:
            x = level_input(photo, photos[at - 1], render, each(lambda d: d.detail(level)))  # noqa: B023
        render = draw(at, x, False)
        if any(d.strength > 1 for d in dials):  # drawn again: more of the style in the style's own colours
            again = each(lambda d: min(1.0, max(0.0, 2 * (d.strength - 1))))
            render = torch.lerp(render, draw(at, render, True), again)
        share = [d.share(level) for d in dials]
        if min(share) < 1:
            render = torch.lerp(photo, render, torch.tensor(share).view(-1, 1, 1, 1).to(render))
    return render
