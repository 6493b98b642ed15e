"""Noise and kernels of brushwork and flattening, as arrays: for the service and for exported styles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from model.image.pyramid import (
    DIRECTIONS,
    DOT,
    FLAT_NEAR,
    FLAT_REACH,
    LINE_LENGTH,
    LINE_PERIOD,
    LINE_WIDTH,
    NOISE_SIDE,
    STROKE_LENGTH,
    STROKE_WIDTH,
)

Kernels = NDArray[np.float32]
SPREAD = math.sqrt((255**2 - 1) / 12)  # of whole numbers from -127 to 127


def white_noise() -> NDArray[np.int8]:
    """(1, 4, NOISE_SIDE, NOISE_SIDE): for strokes, and for dots of three colours; of spread ``SPREAD``."""
    noise = np.random.default_rng(0).integers(-127, 128, (1, 4, NOISE_SIDE, NOISE_SIDE))
    return noise.astype(np.int8)


def stroke_kernels() -> Kernels:
    """(DIRECTIONS, 1, S, S): noise becomes strokes of every direction, of unit spread as all of these."""
    return _kernels(STROKE_LENGTH, lambda along, aside: _bell(along / STROKE_LENGTH, aside / STROKE_WIDTH))


def line_kernels() -> Kernels:
    """(DIRECTIONS, 1, S, S): noise becomes parallel lines, as a graver draws them (Gabor 1946)."""

    def line(along: Kernels, aside: Kernels) -> Kernels:
        wave: Kernels = np.cos(2 * math.pi * aside / LINE_PERIOD)
        return _bell(along / LINE_LENGTH, aside / LINE_WIDTH) * wave

    return _kernels(LINE_LENGTH, line)


def dot_kernel() -> Kernels:
    """(1, 1, S, S): noise becomes dots."""
    return _kernels(DOT, lambda along, aside: _bell(along / DOT, aside / DOT))[:1]


def compass() -> NDArray[np.float32]:
    """Cosine and sine of twice the angle of every direction, (DIRECTIONS, 2)."""
    turns = np.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
    return np.stack([np.cos(turns), np.sin(turns)], 1).astype(np.float32)


def neighbours() -> Iterator[tuple[int, int, float]]:
    """(rows down, columns right, weight of the distance) from the corner of a pixel's neighbourhood."""
    for down in range(2 * FLAT_REACH + 1):
        for right in range(2 * FLAT_REACH + 1):
            distance = (down - FLAT_REACH) ** 2 + (right - FLAT_REACH) ** 2
            yield down, right, 2 ** (-distance / FLAT_NEAR**2)


def _kernels(length: float, shape: Callable[[Kernels, Kernels], Kernels]) -> Kernels:
    """A shape, given by the distance along and aside, in every direction."""
    reach = math.ceil(2.5 * length)
    side = np.arange(-reach, reach + 1, dtype=np.float32)
    down, right = np.meshgrid(side, side, indexing="ij")
    found = []
    for step in range(DIRECTIONS):
        turn = math.pi * step / DIRECTIONS
        along, aside = (
            right * math.cos(turn) + down * math.sin(turn),
            down * math.cos(turn) - right * math.sin(turn),
        )
        kernel = shape(along, aside)
        found.append(kernel / np.sqrt(np.square(kernel).sum()))
    return np.stack(found)[:, None].astype(np.float32)


def _bell(a: Kernels, b: Kernels) -> Kernels:
    bell: Kernels = np.exp(-(np.square(a) + np.square(b)) / 2)
    return bell
