"""Measures the surface of a style's works: whether it is even or brushed, and with which brush.

This texture is far smaller than the things that a picture shows, and networks trained on photos measure it
badly; plain statistics of small windows measure it well.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from model.formats import MOST_BRUSHWORK, Surface
from model.image.media.folders import to_tensor
from model.image.pyramid import level_size, resized
from model.image.rendering.filters import box, doubled_angle

SIDE = 256  # pixels of the longer side at which works are measured
WINDOW = 5  # pixels a side in which evenness is measured
EVEN, ROUGH = 0.2, 0.35  # deviation in even windows, relative to the median: of lines on paper, of strokes
BLOCK, FINE = 8, 4  # pixels: of a block, and the size below which everything is texture
CALM = 0.3  # the quantile of the blocks' texture that is taken for brushwork
GRAIN = 1.5 / 255  # deviation of light that paper, silk and cameras have by themselves
NOISE_OF_TEXTURE = 1.8  # a level loses half of the noise that it draws on
DOTS, STROKES = 0.3, 0.46  # coherence of textures without a direction (Signac), and with one (Friesz)
PLAIN, COLORFUL = 7 / 255, 14 / 255  # spread of colour of works without coloured dots, and with them
LINELESS, LINED = 0.0, 0.15  # skewness of works without dark lines (Barbizon), and of ink on silk
LINE, GROUND = 1, 4  # pixels to each side: of a line, and of the ground around it
SPARSE, DENSE = 0.05, 0.09  # texture of the calm blocks of Japanese woodcuts, and of playing cards
GREY, COLORED = 3 / 255, 5 / 255  # spread of colour of works whose tones are lines, and of others


def surface_of(examples: Sequence[Image.Image]) -> Surface:
    """The surface of the works of a style, RGB."""
    works = [to_tensor([resized(e, level_size(e.size, min(SIDE, max(e.size))))]) for e in examples]
    even = _evenness(works)
    texture = torch.cat([_texture(x) for x in works])
    brushwork = NOISE_OF_TEXTURE * (1 - even) * max(0.0, float(texture.quantile(CALM)) - GRAIN)
    direction = _between(float(torch.cat([_coherence(x) for x in works]).median()), DOTS, STROKES)
    spread = sum(_color_spread(x) for x in works) / len(works)
    tint = _between(spread, PLAIN, COLORFUL)
    return Surface(
        evenness=round(even, 3),
        brushwork=round(min(MOST_BRUSHWORK, brushwork), 4),
        direction=round(direction, 3),
        tint=round(tint, 3),
        hatching=round(even * (1 - _between(spread, GREY, COLORED)), 3),
        linework=round(even * _between(float(texture.quantile(CALM)), SPARSE, DENSE), 3),
        ink=round((1 - even) * (1 - tint) * _between(_dark_lines(works), LINELESS, LINED), 3),
    )


def _between(value: float, low: float, high: float) -> float:
    """0 at ``low`` and below, 1 at ``high`` and above."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _evenness(works: Sequence[Tensor]) -> float:
    """How even the even parts are: 1 for lines on paper, 0 for strokes everywhere.

    By the tenth percentile of the deviations in small windows, relative to their median.
    """
    found = []
    for x in works:
        mean, square = F.avg_pool2d(x, WINDOW, 1), F.avg_pool2d(x.square(), WINDOW, 1)
        found.append((square - mean.square()).clamp_min(0).mean(1).sqrt().flatten())
    deviations = torch.cat(found).sort().values
    tenth, half = (float(deviations[len(deviations) // part]) for part in (10, 2))
    return 1 - _between(tenth / max(half, 1 / 255), EVEN, ROUGH)


def _texture(x: Tensor) -> Tensor:
    """(1, 3, H, W) -> the deviation of light of every block, in details smaller than ``FINE``."""
    light = x.mean(1, keepdim=True)
    coarse = F.interpolate(F.avg_pool2d(light, FINE), light.shape[2:], mode="bilinear", align_corners=False)
    return F.avg_pool2d((light - coarse).square(), BLOCK).sqrt().flatten()


def _coherence(x: Tensor) -> Tensor:
    """(1, 3, H, W) -> how far the texture of every block has one direction, 0..1 (Bigün & Granlund 1987)."""
    twice = doubled_angle(x.mean(1, keepdim=True))
    strength = twice.square().sum(1, keepdim=True).sqrt()
    length = F.avg_pool2d(twice, BLOCK).square().sum(1).sqrt()
    return (length / (F.avg_pool2d(strength, BLOCK)[:, 0] + 1e-7)).flatten()


def _color_spread(x: Tensor) -> float:
    """How far colours differ, apart from their light: the standard deviation over a work, 0..1."""
    small = F.avg_pool2d(x, min(FINE, *x.shape[2:]))
    color = small - small.mean(1, keepdim=True)
    return float((color - color.mean((2, 3), keepdim=True)).square().mean().sqrt())


def _dark_lines(works: Sequence[Tensor]) -> float:
    """How far thin shapes are darker than their ground, not lighter: the median of the works' skewness.

    Highlights of oil paint are light and small; what is drawn with ink is dark and thin.
    """
    found = []
    for x in works:
        light = x.mean(1, keepdim=True)
        thin = (box(light, LINE) - box(light, GROUND))[..., GROUND:-GROUND, GROUND:-GROUND]
        found.append(-thin.pow(3).mean() / (thin.square().mean().pow(1.5) + 1e-9))
    return float(torch.stack(found).nan_to_num().median())
