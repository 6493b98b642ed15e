"""The numbers, noise and kernels of brushwork and flat colour.

They are NumPy arrays, since the service paints with torch and an exported style with ONNX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Kernels = NDArray[np.float32]

FLAT_STEPS = (1, 2, 4)  # strides in pixels, at half the size, of the passes of the bilateral filter
FLAT_REACH = 2  # pixels to each side of that filter, in strides
FLAT_NEAR = 1.4  # strides: a pixel so far away counts half
FLAT_ALIKE = 0.15  # standard deviation of the differences of log light that count as shading
CLUTTER_SLOPE = 0.05  # of light, a pixel at half the size, that counts as half an edge
CLUTTER_BLOCK, CLUTTER_REACH = 2, 3  # pixels at half the size; blocks, of the two means over them
CLUTTER_FROM, CLUTTER_MOST = 0.4, 0.25  # share of edges where clutter begins, and how much more of it counts
CLUTTER_ALIKE = 1.5  # what ``FLAT_ALIKE`` grows by for each unit of that share
FLAT_DARK = 0.06  # light, 0..1, below which differences are no longer relative to it
FLAT_EDGE = 0.01  # variance of light above which detail of the full size belongs to an outline
PRINT_ALIKE, LINED_ALIKE = 0.08, 0.15  # as ``FLAT_ALIKE``, of prints: without lines, and with dense ones
LINE_FROM = 0.1  # light by which a line is darker than the even colour around it
PAINTED_FROM = 3  # level from which on brushwork is painted from noise
NOISE_SIDE = 256  # pixels a side of its tiles
DIRECTIONS = 8  # in which strokes and lines are drawn out
STROKE_LENGTH, STROKE_WIDTH = 7.0, 1.6  # pixels, standard deviations
LINE_LENGTH, LINE_WIDTH, LINE_PERIOD = 14.0, 4.5, 4.0  # pixels, of hatching
DOT = 0.9  # pixels, standard deviation
TINTS = 0.8  # deviation of the dots' colour relative to that of their light, at a tint of 1
HATCHED = 0.25  # standard deviation of hatching in black places, 0..1; it falls with the square of darkness
ROUGH = 0.08  # standard deviation of log light at which details take a quarter of the brushwork away
NEAR_REACH = 2  # pixels at half the size, of two means: the shapes that give a stroke its direction
FAR, FAR_REACH, FAR_COUNTS = 8, 4, 0.3  # shapes farther away: pixels of a block, blocks of a mean, weight
PLAIN_SLOPE, PLAIN_TURN = 0.006, 0.7  # slope of light below which all strokes have this angle (radians)
KEY_LINES, KEY_GAIN = 0.6, 14.0  # outlines of prints: how black, and how steeply they set in
KEY_REACH, KEY_CROWD, KEY_CROWDING = 6, 1.3, 1.5  # pixels around; lines fade from a share of a fifth on
KEY_FROM, KEY_DARK = 0.05, 0.1  # contrast from which on it is a line; light below which it is not relative
SPREAD = math.sqrt((255**2 - 1) / 12)  # of whole numbers from -127 to 127


def white_noise() -> NDArray[np.int8]:
    """Noise for strokes and dots of three colours, (1, 4, NOISE_SIDE, NOISE_SIDE), of spread ``SPREAD``."""
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
