"""What brushwork and flat colour are made of: numbers, noise and kernels.

As arrays, since the service paints with torch and an exported style with ONNX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Kernels = NDArray[np.float32]

FLAT_STEPS = (1, 2, 4)  # pixels between those that a pass of the bilateral filter looks at, at half the size
FLAT_REACH = 2  # pixels to each side
FLAT_NEAR = 1.4  # pixels: what is so far away counts half
FLAT_ALIKE = 0.15  # standard deviation of differences of logarithms of light that are shading
CLUTTER_SLOPE = 0.05  # of light a pixel at half the size: half of an edge
CLUTTER_BLOCK, CLUTTER_REACH = 2, 3  # pixels at half the size, and blocks of them, twice: seen together
CLUTTER_FROM, CLUTTER_MOST = 0.4, 0.25  # share of edges that are not clutter yet, and how many more count
CLUTTER_ALIKE = 1.5  # by how much what is shading grows, were all of it edges
FLAT_DARK = 0.06  # light, 0..1, below which differences are not relative to it any more
FLAT_EDGE = 0.01  # variance of light above which detail of the full size belongs to an outline
PAINTED_FROM = 3  # level from which on brushwork is painted from noise
NOISE_SIDE = 256  # pixels a side of its tiles
DIRECTIONS = 8  # in which strokes and lines are drawn out
STROKE_LENGTH, STROKE_WIDTH = 7.0, 1.6  # pixels, standard deviations
LINE_LENGTH, LINE_WIDTH, LINE_PERIOD = 14.0, 4.5, 4.0  # pixels, of hatching
DOT = 0.9  # pixels, standard deviation
TINTS = 0.8  # colour of dots beside their light, at a tint of 1
HATCHED = 0.25  # standard deviation of hatching in black places, 0..1; it falls with the square of darkness
ROUGH = 0.08  # standard deviation of logarithms of light of details that take a quarter of the brushwork away
NEAR_REACH = 2  # pixels at half the size, twice: shapes that give a stroke its direction
FAR, FAR_REACH, FAR_COUNTS = 8, 4, 0.3  # and those farther away: blocks of pixels, how many, what they count
PLAIN_SLOPE, PLAIN_TURN = 0.006, 0.7  # light a pixel below which strokes lie this way (radians)
KEY_LINES, KEY_GAIN = 0.6, 14.0  # of prints in flat colours: how black, how soon
KEY_REACH, KEY_CROWD, KEY_CROWDING = 6, 1.3, 1.5  # pixels around; how few lines there are all drawn
KEY_FROM, KEY_DARK = 0.05, 0.1  # darker than around, relative to its light, from where it is a line
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
