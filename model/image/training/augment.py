"""Augments styles with other palettes.

A palette is drawn once for a style and put on all of its works: on single works it would be noise, since
the works of one style would no longer share their colours.
"""

from __future__ import annotations

import math
import random

import numpy as np
from PIL import Image

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
