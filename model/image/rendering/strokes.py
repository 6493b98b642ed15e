"""Adds strokes along the photo's shapes, dots, hatching or key lines to what the finest level draws on.

Without noise a network fills an even place with a lattice, the only texture it can make. Noise drawn out
along the edges of a photo (line integral convolution, Cabral & Leedom 1993, along the edge tangents of Kang
et al. 2007) comes out as brushwork. How much of it, and of what kind, is a property of the style's works:
``model.image.adaptation.surface``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from model.formats import Surface
from model.image.brushes import (
    DIRECTIONS,
    FAR,
    FAR_COUNTS,
    FAR_REACH,
    HATCHED,
    KEY_CROWD,
    KEY_CROWDING,
    KEY_DARK,
    KEY_FROM,
    KEY_GAIN,
    KEY_LINES,
    KEY_REACH,
    NEAR_REACH,
    NOISE_SIDE,
    PAINTED_FROM,
    PLAIN_SLOPE,
    PLAIN_TURN,
    ROUGH,
    SPREAD,
    TINTS,
    Kernels,
    compass,
    dot_kernel,
    line_kernels,
    stroke_kernels,
    white_noise,
)
from model.image.pyramid import DARK
from model.image.rendering.filters import box, doubled_angle, enlarged


def painted(x: Tensor, photo: Tensor, level: int, surfaces: Sequence[Surface]) -> Tensor:
    """The input of the finest level with the noise of each style's brushwork, or the lines of a print.

    Args:
        x: (B, 3, H, W) in 0..1.
        photo: at the same size; strokes follow its shapes, and leave its details alone.
        level: only from ``PAINTED_FROM`` on.
        surfaces: of the style of each.
    """
    if level < PAINTED_FROM:
        return x

    def each(value: Callable[[Surface], float]) -> Tensor:
        return torch.tensor([value(s) for s in surfaces]).view(-1, 1, 1, 1).to(x)

    light = photo.mean(1, keepdim=True)
    if any(s.brushwork or s.hatching for s in surfaces):
        x = (x + _calm(light) * _noise(x, light, surfaces, each)).clamp(0, 1)
    if any(s.outlines for s in surfaces):
        x = x * (1 - KEY_LINES * each(lambda s: s.outlines) * _outlines(light))
    return x


Each = Callable[[Callable[[Surface], float]], Tensor]
"""A number of the surface of each style, (B, 1, 1, 1)."""


def _noise(x: Tensor, light: Tensor, surfaces: Sequence[Surface], each: Each) -> Tensor:
    """The noise of each style's brushwork, (B, 1 or 3, H, W)."""
    weights = _weights(_tangents(light))
    noise = torch.zeros_like(light)
    if any(s.brushwork * s.direction for s in surfaces):
        strokes = (weights * _covered(_strokes(), x)).sum(1, keepdim=True)
        noise = noise + each(lambda s: s.brushwork * math.sqrt(s.direction)) * strokes
    if any(s.hatching for s in surfaces):
        lines = (weights * _covered(_lines(), x)).sum(1, keepdim=True)
        dark = (1 - x.mean(1, keepdim=True)).square()
        noise = noise + each(lambda s: HATCHED * s.hatching) * dark * lines
    if any(s.brushwork * (1 - s.direction) for s in surfaces):
        dots = _covered(_dots(), x)
        grey = dots.mean(1, keepdim=True)
        dots = grey + each(lambda s: TINTS * s.tint) * (dots - grey)
        noise = noise + each(lambda s: s.brushwork * math.sqrt(3 * (1 - s.direction))) * dots
    return noise


def _calm(light: Tensor) -> Tensor:
    """How much of the brushwork stays, (B, 1, H, W): all of it in calm places, half in details."""
    tone = (light + DARK).log()  # the eyes of a dark animal are details too
    spread = (box(tone.square(), 2) - box(tone, 2).square()).clamp_min(0)
    return 0.5 + 0.5 * ROUGH**2 / (spread + ROUGH**2)


def _outlines(light: Tensor) -> Tensor:
    """Where the key block of a print has its lines, (B, 1, H, W) in 0..1.

    On the dark side of edges, by the difference of two means (Winnemöller 2011, "XDoG"). Where a fifth of the
    neighbourhood is lines, in leaves or fur, they begin to be left out.
    """
    near, wide = box(light, 1), box(light, 3)
    lines = (KEY_GAIN * ((wide - near) / (wide + KEY_DARK) - KEY_FROM)).clamp(0, 1)
    return lines * (KEY_CROWD - KEY_CROWDING * box(lines, KEY_REACH)).clamp(0, 1)


def _tangents(light: Tensor) -> Tensor:
    """(B, 1, H, W) -> (B, 2, H, W): cosine and sine of twice the angle of the shapes at every place.

    Where nothing is near, shapes that are farther away count, and at last one direction for all.
    """
    tensor = doubled_angle(F.avg_pool2d(light, 2))
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
    unit = tangents / (length + 1e-12)
    cosine, sine = unit[:, :1], unit[:, 1:]
    of_cosine, of_sine = torch.from_numpy(compass()).to(tangents).T[:, None, :, None, None]
    near = torch.addcmul(of_cosine * cosine, of_sine, sine)
    weights = (near - math.cos(2 * math.pi / DIRECTIONS)).clamp_min(0)
    return weights / (weights.square().sum(1, keepdim=True).sqrt() + 1e-12)


@cache
def _strokes() -> Tensor:
    """Strokes of every direction, (1, DIRECTIONS, S, S)."""
    return _drawn(_white()[:, :1], stroke_kernels())


@cache
def _lines() -> Tensor:
    """Hatching of every direction, (1, DIRECTIONS, S, S)."""
    return _drawn(_white()[:, :1], line_kernels())


@cache
def _dots() -> Tensor:
    """Dots of three colours, (1, 3, S, S)."""
    return _drawn(_white()[:, 1:].transpose(0, 1), dot_kernel()).transpose(0, 1)


def _white() -> Tensor:
    return torch.from_numpy(white_noise()).float() / SPREAD


def _drawn(x: Tensor, kernels: Kernels) -> Tensor:
    """A tile of noise, drawn out by kernels; its borders meet."""
    weight = torch.from_numpy(kernels)
    return F.conv2d(F.pad(x, (weight.shape[-1] // 2,) * 4, mode="circular"), weight)


def _covered(tile: Tensor, like: Tensor) -> Tensor:
    """A tile laid side by side over the height and width of ``like``."""
    height, width = like.shape[2:]
    times = [math.ceil(length / NOISE_SIDE) for length in (height, width)]
    return tile.to(like).repeat(1, 1, *times)[:, :, :height, :width]
