"""A photo redrawn coarse to fine: what each level draws on.

At the first level the network sees the photo; at every finer one it sees the level before, enlarged, with a
part of the detail that the photo has at this size (its Laplacian band, Burt & Adelson 1983). What is bold was
decided when a stroke was a tenth of the picture; the finer levels make it sharp (Kolkin et al. 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from model.dials import Dials


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """(B, 3, h, w) at the height and width of ``like``, bilinearly."""
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def level_input(photo: Tensor, coarse_photo: Tensor, coarse_render: Tensor, detail: float | Tensor) -> Tensor:
    """What a level draws on: the level before, enlarged, and ``detail`` times what the photo has beside its own.

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
