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

from model.formats import Surface
from model.image.brushes import PAINTED_FROM
from model.image.dials import Dials
from model.image.pyramid import (
    DARK,
    EVEN,
    EVEN_BLOCK,
    EVEN_REACH,
    MOST_LIFT,
    REVISED,
    REVISED_FROM,
    STRUCTURE,
)
from model.image.rendering.filters import box, enlarged
from model.image.rendering.flattening import printed
from model.image.rendering.strokes import painted


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
        structure: how far light and dark of the level before are set right by the photo, see ``lost_light``.

    Were the render the photo and ``detail`` 1, it would be the photo.
    """
    lift = relative_contrast(coarse_photo, coarse_render)
    lost = lost_light(coarse_photo, coarse_render, lift)
    band = enlarged(lift, photo) * (photo - enlarged(coarse_photo, photo))
    return (enlarged(coarse_render + structure * lost, photo) + detail * band).clamp(0, 1)


def evened(x: Tensor, photo: Tensor, level: int, share: Tensor) -> Tensor:
    """What a level draws on, without small differences wherever the photo is even.

    The network draws an even place evenly, but makes several times as much of every small difference: what
    the level before has left in a clear sky, or the photo's noise, would come out as cracks. A guided filter
    (He et al. 2010) keeps what changes with the photo; where the photo is not even, all stays.

    Args:
        x: (B, 3, H, W) in 0..1.
        photo: at the same size.
        level: the coarsest one sees the photo, and is left alone.
        share: how far, 0..1, (B, 1, 1, 1): what is painted in strokes everywhere is better left alone.
    """
    if level == 0 or not bool((share > 0).any()):
        return x
    blocks, squared = F.avg_pool2d(photo, EVEN_BLOCK), F.avg_pool2d(photo.square(), EVEN_BLOCK)
    variance = (box(squared, 1) - box(blocks, 1).square()).mean(1, keepdim=True).clamp_min(0)
    even = (EVEN**2 / (variance + EVEN**2)).square()
    guide, small = blocks.mean(1, keepdim=True), F.avg_pool2d(x, EVEN_BLOCK)
    means = box(torch.cat([guide, small, guide * small, guide.square()], 1), EVEN_REACH)
    of_guide, of_x, of_both, of_square = means[:, :1], means[:, 1:4], means[:, 4:7], means[:, 7:]
    slope = (of_both - of_guide * of_x) / ((of_square - of_guide.square()).clamp_min(0) + EVEN**2)
    line = box(torch.cat([slope, of_x - slope * of_guide], 1), EVEN_REACH)
    return torch.lerp(x, enlarged(line[:, :3] * guide + line[:, 3:], x), share * enlarged(even, x))


def revised(x: Tensor, render: Tensor, level: int) -> Tensor:
    """What a level makes of its input ``x``: its render, on fine levels in detail alone.

    From ``REVISED_FROM`` on, what is larger than a few pixels stays as the level before drew it: a network
    that sees a small part of the picture would wash out its colours and fill even areas with ripples (draft
    and revision, Lin et al. 2021). Both (B, 3, H, W), and so is the result.
    """
    if level < REVISED_FROM:
        return render
    return (render + enlarged(F.avg_pool2d(x - render, REVISED), render)).clamp(0, 1)


def relative_contrast(photo: Tensor, render: Tensor) -> Tensor:
    """By how much the photo's contrast grows where a render is lighter, (B, 1, H, W): 1 to ``MOST_LIFT``.

    The eyes of a dark animal differ from its fur by few grey levels, but by half of its light. Where the fur
    comes out light, they have to differ by as large a part of that (ratio images, Liu et al. 2001).

    Args:
        photo, render: (B, 3, H, W) in 0..1.
    """
    own, given = (box(F.avg_pool2d(x.mean(1, keepdim=True), STRUCTURE), 1) + DARK for x in (render, photo))
    return enlarged((own / given).clamp(1, MOST_LIFT), photo)


def lost_light(photo: Tensor, render: Tensor, lift: Tensor) -> Tensor:
    """Light and dark that a render lacks beside its photo, both (B, 3, H, W), in the finest three octaves.

    Eyes and windows are in the finest, which a network of few pixels cannot draw. In the two others is the
    outline of an animal, which it may give to the ground; there the photo counts with the contrast that the
    render has, or a pale style would become the photo.

    Args:
        lift: of the photo's contrast, (B, 1, H, W), see ``relative_contrast``.

    Returns:
        (B, 1, H, W).
    """
    (fine, broad), (own_fine, own_broad) = (_octaves(x.mean(1, keepdim=True)) for x in (photo, render))
    power, own_power = (x.square().mean((2, 3), keepdim=True) for x in (broad, own_broad))
    gain = (own_power / (power + 1e-8)).sqrt().clamp(max=1)
    return lift * (fine + gain * broad) - own_fine - own_broad


def _octaves(light: Tensor) -> tuple[Tensor, Tensor]:
    """The finest octave, and the two that follow."""
    half, eighth = (enlarged(F.avg_pool2d(light, side), light) for side in (2, STRUCTURE))
    return light - half, half - eighth


Draw = Callable[[int, Tensor, bool], Tensor]
"""(position in the plan, its input, whether it is drawn again) -> the render, of the same shape."""


def redraw(
    photos: Sequence[Tensor],
    draw: Draw,
    levels: Sequence[int],
    dials: Sequence[Dials],
    surfaces: Sequence[Surface],
) -> Tensor:
    """Draw level by level; the finest render.

    Args:
        photos: B photos at each size of a plan, coarse to fine: (B, 3, H, W) in 0..1.
        draw: draws B inputs.
        levels: the level of each size.
        dials: how each of the B photos is drawn.
        surfaces: of the style of each (``StyleHeader.surface``).
    """

    def each(value: Callable[[Dials], float]) -> Tensor:
        return torch.tensor([value(d) for d in dials]).view(-1, 1, 1, 1).to(photos[0])

    again = each(lambda d: min(1.0, max(0.0, 2 * (d.strength - 1))))
    structure = each(lambda d: d.structure)
    even = torch.tensor([s.evenness for s in surfaces]).view(-1, 1, 1, 1).to(photos[0])
    linework = torch.tensor([s.linework for s in surfaces]).view(-1, 1, 1, 1).to(photos[0])
    flat = [d.flatness * s.flat_colors for d, s in zip(dials, surfaces, strict=True)]
    prints = torch.tensor(flat).view(-1, 1, 1, 1).to(photos[0])
    render = photos[0]
    for at, (photo, level) in enumerate(zip(photos, levels, strict=True)):
        detail, share = (each(partial(of, level=level)) for of in (Dials.detail, Dials.share))
        x = photo if at == 0 else level_input(photo, photos[at - 1], render, detail, structure)
        x = painted(evened(x, photo, level, even), photo, level, surfaces)
        render = revised(x, draw(at, x, False), level)
        if bool((again > 0).any()):  # drawn again: more of the style in the style's own colours
            x = evened(render, photo, level, even)
            render = torch.lerp(render, revised(x, draw(at, x, True), level), again)
        if level >= PAINTED_FROM:
            render = printed(render, prints, linework)
        if bool((share < 1).any()):
            render = torch.lerp(photo, render, share)
    return render
