"""Apply ICC colour profiles of three curves and a matrix in full precision.

LittleCMS, as Pillow calls it, takes eight bits of colours: enough for curves like the eye's, too few for
profiles of linear light, where all shadows lie in a few of 256 levels.
"""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np

from app.imaging.color_encodings import Array, Matrixed, to_linear_srgb


@lru_cache(maxsize=2)
def matrix_profile(data: bytes) -> Matrixed | None:
    """None for a profile of another sort, or a damaged one."""
    try:
        (count,) = struct.unpack_from(">I", data, 128)
        entries = [struct.unpack_from(">4s2I", data, 132 + 12 * i) for i in range(min(count, 100))]
        tags = {name: data[at : at + size] for name, at, size in entries}
        if data[16:24] != b"RGB XYZ " or b"A2B0" in tags:
            return None
        columns = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
        if not (columns.sum(1) > 0).all():
            return None
        curves = (_curve(tags[b"rTRC"]), _curve(tags[b"gTRC"]), _curve(tags[b"bTRC"]))
    except (LookupError, struct.error):
        return None
    return Matrixed(curves, to_linear_srgb(columns))


def _xyz(tag: bytes) -> Array:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Array:
    """Linear light of each of 65536 levels. Raises KeyError for a curve that is not known."""
    x: Array = np.arange(65536) / 65535
    light: Array
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        points = np.array(struct.unpack_from(f">{count}H", tag, 12))
        if count == 0:
            light = x
        elif count == 1:
            light = x ** (points[0] / 256)
        else:
            light = np.interp(x, np.linspace(0, 1, count), points / 65535)
        return light.astype(np.float32)
    if tag[:4] != b"para":
        raise KeyError(tag[:4])
    (kind,) = struct.unpack_from(">H", tag, 8)
    numbers = struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)
    missing = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)[len(numbers) :]
    g, a, b, c, d, e, f = np.array([*(number / 65536 for number in numbers), *missing]).tolist()
    if kind in (1, 2):  # below -b/a there is a constant
        bend, low, high = -b / a if a else 0.0, np.full_like(x, c), c
    else:
        bend, low, high = d, c * x + f, e
    light = np.where(x >= bend, np.maximum(a * x + b, 0) ** g + high, low)
    return light.clip(0, 1).astype(np.float32)
