"""Noise from which the finest level paints: strokes along the photo's shapes, dots, or hatching.

A network that sees no noise can make texture of an even place only as a lattice. Noise that is drawn out
along the edges of a photo (line integral convolution, Cabral & Leedom 1993, along the edge tangents of Kang
et al. 2007) comes out as brushwork. How much of it, and of what kind, is a property of the style's works:
``model.image.adaptation.surface``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from model.formats import Surface
from model.image.brushes import (
    SPREAD,
    Kernels,
    compass,
    dot_kernel,
    line_kernels,
    stroke_kernels,
    white_noise,
)
from model.image.pyramid import (
    DIRECTIONS,
    FAR,
    FAR_COUNTS,
    FAR_REACH,
    HATCHED,
    NEAR_REACH,
    NOISE_SIDE,
    PAINTED_FROM,
    PLAIN_SLOPE,
    PLAIN_TURN,
    ROUGH,
    TINTS,
)
from model.image.rendering.filters import box, enlarged


def painted(x: Tensor, photo: Tensor, level: int, surfaces: Sequence[Surface]) -> Tensor:
    """What the finest level draws on, with the noise of each style's brushwork.

    Args:
        x: (B, 3, H, W) in 0..1.
        photo: at the same size; strokes follow its shapes, and leave its details alone.
        level: only from ``PAINTED_FROM`` on.
        surfaces: of the style of each.
    """
    if level < PAINTED_FROM or not any(s.brushwork or s.hatching for s in surfaces):
        return x

    def each(values: Sequence[float]) -> Tensor:
        return torch.tensor(values).view(-1, 1, 1, 1).to(x)

    light = photo.mean(1, keepdim=True)
    weights = _weights(_tangents(light))
    strokes, lines, dots = (_covered(tile.to(x), x) for tile in _tiles())
    strokes, lines = ((weights * maps).sum(1, keepdim=True) for maps in (strokes, lines))
    grey = dots.mean(1, keepdim=True)
    tint = each([TINTS * s.tint for s in surfaces])
    direction = each([s.direction for s in surfaces])
    noise = direction.sqrt() * strokes + (1 - direction).sqrt() * (grey + tint * (dots - grey)) * math.sqrt(3)
    noise = each([s.brushwork for s in surfaces]) * noise
    noise = noise + each([HATCHED * s.hatching for s in surfaces]) * (1 - x.mean(1, keepdim=True)) * lines
    spread = (box(light.square(), 2) - box(light, 2).square()).clamp_min(0)
    return (x + noise * 0.5 * (1 + ROUGH**2 / (spread + ROUGH**2))).clamp(0, 1)


def _tangents(light: Tensor) -> Tensor:
    """(B, 1, H, W) -> (B, 2, H, W): cosine and sine of twice the angle of the shapes at every place.

    Where nothing is near, shapes that are farther away count, and at last one direction for all.
    """
    half = F.pad(F.avg_pool2d(light, 2), (1,) * 4, mode="replicate")
    across = (half[:, :, 1:-1, 2:] - half[:, :, 1:-1, :-2]) / 2
    down = (half[:, :, 2:, 1:-1] - half[:, :, :-2, 1:-1]) / 2
    tensor = torch.cat([across.square() - down.square(), 2 * across * down], 1)
    near = box(box(tensor, NEAR_REACH), NEAR_REACH)
    far = F.avg_pool2d(tensor, FAR)
    for _ in range(3):
        far = box(far, FAR_REACH)
    plain = PLAIN_SLOPE**2 * torch.tensor([math.cos(2 * PLAIN_TURN), math.sin(2 * PLAIN_TURN)])
    found = near + FAR_COUNTS * enlarged(far, near) - plain.view(1, 2, 1, 1).to(near)
    return enlarged(-found, light)


def _weights(tangents: Tensor) -> Tensor:
    """How much each of ``DIRECTIONS`` counts at every place, (B, DIRECTIONS, H, W): of unit length."""
    length = tangents.square().sum(1, keepdim=True).sqrt()
    near = F.conv2d(tangents / (length + 1e-12), torch.from_numpy(compass()).to(tangents)[:, :, None, None])
    weights = (near - math.cos(2 * math.pi / DIRECTIONS)).clamp_min(0)
    return weights / (weights.square().sum(1, keepdim=True).sqrt() + 1e-12)


@cache
def _tiles() -> tuple[Tensor, Tensor, Tensor]:
    """Strokes and lines of every direction, (1, DIRECTIONS, S, S) each, and dots of three colours."""
    white = torch.from_numpy(white_noise()).float() / SPREAD

    def drawn(x: Tensor, kernels: Kernels) -> Tensor:
        weight = torch.from_numpy(kernels)
        return F.conv2d(F.pad(x, (weight.shape[-1] // 2,) * 4, mode="circular"), weight)

    dots = drawn(white[:, 1:].transpose(0, 1), dot_kernel()).transpose(0, 1)
    return drawn(white[:, :1], stroke_kernels()), drawn(white[:, :1], line_kernels()), dots


def _covered(tile: Tensor, like: Tensor) -> Tensor:
    """A tile laid side by side over the height and width of ``like``."""
    height, width = like.shape[2:]
    times = [math.ceil(length / NOISE_SIDE) for length in (height, width)]
    return tile.repeat(1, 1, *times)[:, :, :height, :width]
