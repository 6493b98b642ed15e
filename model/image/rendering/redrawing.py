"""A photo redrawn coarse to fine: what each level draws on.

At the first level the network sees the photo; at every finer one it sees the level before, enlarged, with a
part of the detail that the photo has at this size (its Laplacian band, Burt & Adelson 1983). What is bold was
decided when a stroke was a tenth of the picture; the finer levels make it sharp (Kolkin et al. 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.dials import Dials
from model.image.pyramid import REVISED, REVISED_FROM


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """(B, 3, h, w) at the height and width of ``like``, bilinearly."""
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def level_input(
    photo: Tensor,
    coarse_photo: Tensor,
    coarse_render: Tensor,
    detail: float | Tensor = 1.0,
    structure: float | Tensor = 0.0,
) -> Tensor:
    """What a level draws on: the level before, enlarged, with detail of the photo.

    Args:
        photo: at this level, (B, 3, H, W) in 0..1.
        coarse_photo, coarse_render: photo and render of the level before.
        detail: share of what the photo has at this size beside the level before: a number or (B, 1, 1, 1).
        structure: how far light and dark of the level before are set right by the photo, in the finest octave
            that it has: eyes and windows are there, which a network of few pixels cannot draw.

    Were the render the photo and ``detail`` 1, it would be the photo.
    """
    lost = (_octave(coarse_photo) - _octave(coarse_render)).mean(1, keepdim=True)
    band = photo - enlarged(coarse_photo, photo)
    return (enlarged(coarse_render + structure * lost, photo) + detail * band).clamp(0, 1)


def revised(x: Tensor, render: Tensor, level: int) -> Tensor:
    """What a level makes of its input ``x``: its render, on fine levels in detail alone.

    From ``REVISED_FROM`` on, what is larger than a few pixels stays as the level before drew it: a network
    that sees a small part of the picture would wash out its colours and fill even areas with ripples (draft
    and revision, Lin et al. 2021). Both (B, 3, H, W), and so is the result.
    """
    if level < REVISED_FROM:
        return render
    return (render + enlarged(F.avg_pool2d(x - render, REVISED), render)).clamp(0, 1)


def _octave(x: Tensor) -> Tensor:
    """What a picture has beside itself at half the size."""
    return x - enlarged(F.avg_pool2d(x, 2), x)


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

    again = each(lambda d: min(1.0, max(0.0, 2 * (d.strength - 1))))
    structure = each(lambda d: d.structure)
    render = photos[0]
    for at, (photo, level) in enumerate(zip(photos, levels, strict=True)):
        detail, share = (each(partial(of, level=level)) for of in (Dials.detail, Dials.share))
        x = photo if at == 0 else level_input(photo, photos[at - 1], render, detail, structure)
        render = revised(x, draw(at, x, False), level)
        if bool((again > 0).any()):  # drawn again: more of the style in the style's own colours
            render = torch.lerp(render, revised(render, draw(at, render, True), level), again)
        if bool((share < 1).any()):
            render = torch.lerp(photo, render, share)
    return render
