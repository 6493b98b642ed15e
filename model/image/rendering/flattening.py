"""Takes shading and fine texture, which prints and brushes leave out, out of a photo, and keeps its outlines.

A bilateral filter (Tomasi & Manduchi 1998) of the logarithm of light, so that the eyes of a dark animal count
as much as those of a light one, and wider differences count as shading where leaves or gravel crowd: a
print draws their masses. Several passes give what looks drawn (Winnemöller et al. 2006, "Real-time
video abstraction"). It is done at half the size, and brought back to the photo's by a guided filter.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.brushes import (
    CLUTTER_ALIKE,
    CLUTTER_BLOCK,
    CLUTTER_FROM,
    CLUTTER_MOST,
    CLUTTER_REACH,
    CLUTTER_SLOPE,
    FLAT_ALIKE,
    FLAT_DARK,
    FLAT_EDGE,
    FLAT_REACH,
    FLAT_STEPS,
    LINE_FROM,
    LINED_ALIKE,
    PRINT_ALIKE,
    neighbours,
)
from model.image.rendering.filters import box, doubled_angle, enlarged


def flattened(photo: Tensor, share: Tensor) -> Tensor:
    """A photo of outlines and flat colours.

    Args:
        photo: (B, 3, H, W) in 0..1, at the size at which it is drawn.
        share: how far, 0..1, (B, 1, 1, 1).
    """
    if not bool((share > 0).any()):
        return photo
    crowded = _clutter(F.avg_pool2d(photo, 2).mean(1, keepdim=True)) - CLUTTER_FROM
    alike = FLAT_ALIKE + CLUTTER_ALIKE * crowded.clamp(0, CLUTTER_MOST)
    return torch.lerp(photo, _flat(photo, alike), share)


def printed(render: Tensor, share: Tensor, linework: Tensor) -> Tensor:
    """A render in even colours, as from a printing block: without the weave that the network leaves in them.

    Lines that are darker than the colour around them by more than ``LINE_FROM`` stay.

    Args:
        render: (B, 3, H, W) in 0..1.
        share: how far, 0..1, (B, 1, 1, 1).
        linework: how dense the lines of the works are, 0..1, (B, 1, 1, 1): dense ones leave a strong weave.
    """
    if not bool((share > 0).any()):
        return render
    flat = _flat(render, PRINT_ALIKE + (LINED_ALIKE - PRINT_ALIKE) * linework)
    darker = (render - flat).mean(1, keepdim=True)
    return torch.lerp(render, (flat + (darker + LINE_FROM).clamp(max=0)).clamp(0, 1), share)


def _flat(photo: Tensor, alike: Tensor) -> Tensor:
    """Outlines and flat colours alone; ``alike`` as in ``_bilateral``."""
    half = F.avg_pool2d(photo, 2)
    light, coarse = photo.mean(1, keepdim=True), half.mean(1, keepdim=True)
    x = (half + FLAT_DARK).log()
    for step in FLAT_STEPS:
        x = _bilateral(x, step, alike)
    flat = x.exp() - FLAT_DARK
    mean, mean_flat = box(coarse, 1), box(flat, 1)
    variance = (box(coarse.square(), 1) - mean.square()).clamp_min(0)
    slope = box((box(coarse * flat, 1) - mean * mean_flat) / (variance + FLAT_EDGE), 1)
    detail = enlarged(slope, photo) * (light - enlarged(coarse, photo))
    return (enlarged(flat, photo) + detail).clamp(0, 1)


def _clutter(light: Tensor) -> Tensor:
    """How crowded every place is with edges of all directions, (B, 1, H, W) in 0..1: leaves, gravel, snow.

    Edges of one direction, or of two at right angles, are hair, a mast, or a wall with its windows. They have
    four times their angle in common: the length of its mean is taken off.
    """
    twice = doubled_angle(light)
    a, b = twice[:, :1], twice[:, 1:]
    square = twice.square().sum(1, keepdim=True).sqrt()  # of the slope
    edges = square / (square + CLUTTER_SLOPE**2)
    fourfold = torch.cat([a.square() - b.square(), 2 * a * b], 1) * edges / (square.square() + 1e-12)
    found = F.avg_pool2d(torch.cat([edges, fourfold], 1), CLUTTER_BLOCK)
    found = box(box(found, CLUTTER_REACH), CLUTTER_REACH)
    return enlarged(found[:, :1] - found[:, 1:].square().sum(1, keepdim=True).sqrt(), light)


def _bilateral(x: Tensor, step: int, alike: Tensor) -> Tensor:
    """One pass of the filter: means of pixels ``step`` apart, of which near and similar ones count most.

    Args:
        alike: the standard deviation of differences that count, (B, 1, H, W) or (B, 1, 1, 1).
    """
    of_differences = -0.5 / alike.square()
    height, width = x.shape[2:]
    around = F.pad(x, (step * FLAT_REACH,) * 4, mode="replicate")
    total, weights = torch.zeros_like(x), torch.zeros_like(x[:, :1])
    for down, right, near in neighbours():
        other = around[:, :, step * down : step * down + height, step * right : step * right + width]
        difference = (other - x).square_().sum(1, keepdim=True)
        likeness = difference.mul_(of_differences).clamp_(min=-80).exp_()  # below, exp is ten times as slow
        total.addcmul_(likeness, other, value=near)
        weights.add_(likeness, alpha=near)
    return total / weights
