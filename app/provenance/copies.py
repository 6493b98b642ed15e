"""How near a result comes to an example of its style: perceptual hashes, which no loss has seen.

A picture is looked at whole and in nine overlapping quarters. Of each part the signs of the low frequencies
(16 by 16 of a cosine transform) are a hash of 256 bits, as in pHash and PDQ: scale, colours, contrast and
brushwork hardly change it. Unrelated parts agree in half of their bits.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BYTES = 32  # of a hash
COPY = 0.75
"""Agreement of a part from which on a result counts as reproducing an example."""

_SIDE, _LOW = 64, 16
_FLAT = 4.0  # grey levels of standard deviation, below which a part has nothing to be known by
_FAINT = 32.0  # median of the frequencies, below which they are rounding: as of a ramp, or of stripes

_BASIS = np.cos(
    np.pi * np.arange(1, _LOW + 1)[:, None] * (2 * np.arange(_SIDE)[None, :] + 1) / (2 * _SIDE)
).astype(np.float32)


def fingerprints(pictures: Sequence[Image.Image]) -> bytes:
    """The hashes of all their parts, one after the other; parts without contrast or shapes have none."""
    parts = (part for picture in pictures for part in _parts(picture) if part.std() > _FLAT)
    return b"".join(_hash(part) for part in parts)


def agreement(picture: Image.Image, known: bytes) -> float | None:
    """The share of bits that the most similar part of a picture and of the examples agree in: about 0.6 for
    unrelated ones, 1 for the same. None: one of them has nothing to be known by."""
    own = fingerprints([picture])
    if not own or not known:
        return None
    mine, theirs = (np.frombuffer(data, np.uint64).reshape(-1, BYTES // 8) for data in (own, known))
    different = np.bitwise_count(mine[:, None] ^ theirs[None]).sum(axis=2, dtype=np.int64)
    return 1 - float(different.min()) / (8 * BYTES)


def _parts(picture: Image.Image) -> Iterator[NDArray[np.float32]]:
    grey = np.asarray(picture.convert("L").resize((2 * _SIDE, 2 * _SIDE), Image.Resampling.BOX), np.float32)
    yield grey.reshape(_SIDE, 2, _SIDE, 2).mean(axis=(1, 3))
    half = _SIDE // 2
    for top in (0, half, _SIDE):
        for left in (0, half, _SIDE):
            yield grey[top : top + _SIDE, left : left + _SIDE]


def _hash(part: NDArray[np.float32]) -> bytes:
    """The hash of a part; nothing for one in which rounding would decide it."""
    frequencies = _BASIS @ part @ _BASIS.T
    if np.median(np.abs(frequencies)) < _FAINT:
        return b""
    return np.packbits(frequencies > np.median(frequencies)).tobytes()
