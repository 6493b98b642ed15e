"""Augmentation of styles: other palettes, mixtures of two styles, crops at many scales.

A palette is drawn once for a style and put on all of its works: on single works it would be noise, since
the works of one style would no longer share their colours.
"""

from __future__ import annotations

import math
import random
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from model.data.folders import random_crop
from model.perceptual.statistics import StyleStatistics

SMOOTH_SHARE = 0.3  # of the photos, where the term of single places is in the loss
Palette = tuple[float, ...]  # 3 x 4, row by row: an affine map of RGB in 0..255, as Pillow takes it
_LUMINANCE = np.array([0.299, 0.587, 0.114])


def draw_palette(rng: random.Random, share: float) -> Palette | None:
    """With probability ``share`` a random palette: hue, saturation, contrast and a tint; else None.

    Hues turn about the grey axis by up to 0.4 rad, for one style in four by any angle.
    """
    if rng.random() >= share:
        return None
    angle = rng.uniform(-math.pi, math.pi) if rng.random() < 0.25 else rng.uniform(-0.4, 0.4)
    saturation, contrast = rng.uniform(0.7, 1.4), rng.uniform(0.8, 1.15)
    tint = np.array([rng.uniform(-12, 12) for _ in range(3)])
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    # Rodrigues' rotation about (1, 1, 1) / sqrt(3): greys stay what they are.
    turn = math.cos(angle) * np.eye(3) + (1 - math.cos(angle)) / 3 + math.sin(angle) * cross
    vivid = saturation * np.eye(3) + (1 - saturation) * np.tile(_LUMINANCE, (3, 1))
    matrix = contrast * vivid @ turn
    offset = 127.5 * (1 - contrast) + tint
    return tuple(float(x) for x in np.column_stack([matrix, offset]).ravel())


def recolor(image: Image.Image, palette: Palette | None) -> Image.Image:
    """The picture in another palette; itself without one."""
    return image if palette is None else image.convert("RGB", palette)


def scale_range(image: Image.Image, size: int, low: float, high: float = 1.0) -> tuple[float, float]:
    """Shares of the short side to crop: from ``low``, but nothing is magnified more than twice."""
    return min(high, max(low, size / (2 * min(image.size)))), high


def crop(
    image: Image.Image,
    size: int,
    rng: random.Random,
    *,
    low: float,
    high: float = 1.0,
    jitter: float = 1.0,
    palette: Palette | None = None,
) -> Image.Image:
    """``random_crop`` within ``scale_range``, in a palette."""
    low, high = scale_range(image, size, low, high)
    return recolor(random_crop(image, size, rng, low=low, high=high, jitter=jitter), palette)


def smooth_crop(image: Image.Image, size: int, rng: random.Random, *, high: float) -> Image.Image:
    """What small photos lack: skies and backgrounds out of focus, as in photos of many pixels.

    A tenth to ``high`` of the short side, blurred by up to 5 pixels of the crop.
    """
    small = random_crop(image, size, rng, low=min(0.1, high), high=high)
    return small.filter(ImageFilter.GaussianBlur(rng.uniform(0, 5)))


def noisy(photos: Tensor, most: float) -> Tensor:
    """(B, 3, H, W) with Gaussian noise, of each photo a standard deviation from 0 to ``most``.

    The network answers to steps of eight bits otherwise, where a photo is smooth (training log, run 18).
    """
    if most <= 0:
        return photos
    levels = most * torch.rand(len(photos), 1, 1, 1, device=photos.device)
    return photos + levels * torch.randn_like(photos)


def mix(a: StyleStatistics, b: StyleStatistics, share: Tensor) -> StyleStatistics:
    """B mixtures of two styles each: ``share`` (B,) of the first, the rest of the second.

    Moments are averages over positions, so the mixed moments are those of a picture of which ``share`` of
    the surface is painted in style a; colours and patches are drawn in the same proportion.
    """

    def blended(x: Tensor, y: Tensor) -> Tensor:
        weight = share.view(-1, *[1] * (x.ndim - 1))
        return weight * x + (1 - weight) * y

    def drawn(x: Tensor, y: Tensor) -> Tensor:
        chosen = torch.rand(x.shape[:2], device=x.device) < share[:, None]  # samples: (B, N, D)
        return torch.where(chosen[..., None], x, y)

    values: dict[str, Any] = {}
    for field in fields(StyleStatistics):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if field.name == "patches":
            values[field.name] = {key: drawn(value, y[key]) for key, value in x.items()}
        elif isinstance(x, dict):
            values[field.name] = {key: blended(value, y[key]) for key, value in x.items()}
        else:
            values[field.name] = drawn(x, y)
    return StyleStatistics(**values)
