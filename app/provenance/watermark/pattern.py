"""The pattern that repeats over a picture: a sum of waves whose phases are known.

A tile is a fifth of the picture's longer side, whatever its size, so a scaled picture has the same tiles.
512 waves are always the same: by them a detector finds scale and place. The others carry the payload: a chip
of -1 turns its wave over.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from app.provenance.watermark.payload import CHIPS, Payload, encode

TILES = 5
"""Tiles along the longer side."""

_LOW, _HIGH = 6, 32  # waves to a tile: shorter ones do not survive, longer ones are seen
_SLOPE = 0.4  # amplitudes fall with the frequency to this power
_SEED = 20261130
_SYNC = 512

SYNC, DATA = slice(0, _SYNC), slice(_SYNC, _SYNC + CHIPS)

Complex = NDArray[np.complex64]
Ints = NDArray[np.int64]


@cache
def waves() -> tuple[Ints, Ints, Complex]:
    """Vertical and horizontal frequencies (waves to a tile) and phases, in a fixed random order."""
    y, x = np.mgrid[-_HIGH : _HIGH + 1, 0 : _HIGH + 1]
    radius = np.hypot(y, x)
    inside = (radius >= _LOW) & (radius <= _HIGH) & ((x > 0) | (y > 0))
    random = np.random.Generator(np.random.PCG64(_SEED))
    order = random.permutation(int(inside.sum()))[: DATA.stop]
    phases = np.exp(2j * np.pi * random.random(len(order))).astype(np.complex64)
    return y[inside][order], x[inside][order], phases


def tile(payload: Payload, side: int) -> NDArray[np.float32]:
    """One tile, shape (side, side): mean 0, standard deviation 1. Waves that it is too small for are left
    out."""
    y, x, phases = waves()
    amplitudes = np.hypot(y, x) ** -_SLOPE * phases
    amplitudes[DATA] *= encode(payload)
    fits = np.maximum(np.abs(y), x) < side / 2
    waves_of_tile = on_grid(amplitudes[fits].astype(np.complex64), y[fits], x[fits], side)
    found: NDArray[np.float32] = waves_of_tile / waves_of_tile.std()
    return found


def on_grid(amplitudes: Complex, y: Ints, x: Ints, side: int) -> NDArray[np.float32]:
    """The sum of waves, on a grid of side by side points over one tile."""
    spectrum = np.zeros((side, side // 2 + 1), np.complex64)
    spectrum[y % side, x] = amplitudes
    upright = x == 0  # a real sum has the conjugates, too
    spectrum[-y[upright] % side, 0] = amplitudes[upright].conj()
    return np.fft.irfft2(spectrum, s=(side, side)).astype(np.float32)
