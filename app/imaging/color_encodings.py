"""Convert other colour encodings to sRGB: other primaries, other curves, high dynamic range (HLG, PQ).

The numbers of primaries and curves are those of ITU-T H.273, which videos and the chunk cICP of PNG share.
High dynamic range is shown as ITU-R BT.2408 has it: what HDR calls white for graphics, 203 cd/m², is the
white of sRGB, and what is brighter is pressed into the last tenth below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]  # float32
Primaries: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""Chromaticities x, y of red, green, blue and white."""

_D65 = (0.3127, 0.3290)
SRGB: Primaries = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65)
PRIMARIES: dict[int, Primaries] = {
    1: SRGB,
    4: (0.670, 0.330, 0.210, 0.710, 0.140, 0.080, 0.310, 0.316),
    5: (0.640, 0.330, 0.290, 0.600, 0.150, 0.060, *_D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
PQ, HLG = 16, 18
_POWERS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}  # the others are shown as sRGB is, whatever a camera's curve was

_WHITE = 203.0  # cd/m², of graphics in high dynamic range
_PEAK = 1000.0  # cd/m², of the screen that HLG is meant for, and of most of what is mastered in PQ
_KNEE = 0.9  # linear light, up to which high dynamic range stays as it is
_ROWS = 128  # of the picture that are worked on at a time: bounds the memory

# Bradford's cone response, to go from one white to another.
_CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True)
class Encoding:
    """What the numbers of a picture mean. ``curve``: of H.273, or a file's own exponent (its ``gamma``)."""

    primaries: Primaries = SRGB
    curve: int = 13
    gamma: float | None = None

    @property
    def is_srgb(self) -> bool:
        """Whether nothing is to be done."""
        plain = self.curve not in (PQ, HLG, *_POWERS) and self.gamma is None
        return plain and self.primaries == SRGB


@dataclass(frozen=True)
class Matrixed:
    """Colours by a curve for each channel (65536 values) and a matrix to sRGB's linear light."""

    curves: tuple[Array, Array, Array]
    matrix: Array


def encoding(primaries: int, curve: int) -> Encoding:
    """By their numbers in H.273; those that are not known, or not said, are those of sRGB."""
    return Encoding(PRIMARIES.get(primaries, SRGB), curve)


def is_possible(primaries: Any) -> bool:
    """Whether numbers of a file are primaries: a triangle of colours with white inside it."""
    if min(primaries[1::2]) <= 0:
        return False
    try:
        amounts = _to_xyz(primaries)[1]
    except np.linalg.LinAlgError:
        return False
    return bool(np.isfinite(amounts).all() and (amounts > 0).all())


def to_srgb(values: NDArray[np.uint16], meant: Encoding | Matrixed) -> NDArray[np.uint8]:
    """(H, W, 3) in 0..65535 -> sRGB levels."""
    result = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):
        result[top : top + _ROWS] = _encoded(_linear(values[top : top + _ROWS], meant))
    return result


def _linear(values: NDArray[np.uint16], meant: Encoding | Matrixed) -> Array:
    """Linear light of sRGB's primaries, 1 being white; may lie outside 0..1."""
    if isinstance(meant, Matrixed):
        light = np.stack([curve[values[..., i]] for i, curve in enumerate(meant.curves)], axis=-1)
        return light @ meant.matrix.T
    light = _decoding(meant.curve, meant.gamma)[values]
    if meant.curve == HLG:  # the scene's light; a screen shows what is bright brighter (BT.2100)
        luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light *= (luminance**0.2 * (_PEAK / _WHITE))[..., None]
    light = light @ _matrix(meant.primaries).T
    return _pressed(light) if meant.curve in (PQ, HLG) else light


@lru_cache(maxsize=8)
def _decoding(curve: int, gamma: float | None) -> Array:
    """Linear light of each of the 65536 levels."""
    x = np.arange(65536) / 65535
    if gamma is not None:
        light = x ** (1 / gamma)
    elif curve == PQ:  # SMPTE ST 2084
        root = x ** (1 / 78.84375)
        nits = 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (
            1 / 0.1593017578125
        )
        light = nits / _WHITE
    elif curve == HLG:  # ARIB STD-B67
        bright = (np.exp((x - 0.55991073) / 0.17883277) + 0.28466892) / 12
        light = np.where(x <= 0.5, x**2 / 3, bright)
    elif curve in _POWERS:
        light = x ** _POWERS[curve]
    else:
        light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


@lru_cache(maxsize=8)
def _matrix(primaries: Primaries) -> Array:
    """From linear light of these primaries to that of sRGB's; white stays white."""
    return to_linear_srgb(_to_xyz(primaries))


def to_linear_srgb(source: Array) -> Array:
    """The matrix of colours whose red, green and blue are the columns of ``source`` (XYZ)."""
    target = _to_xyz(SRGB)
    own, wanted = _CONES @ source.sum(1), _CONES @ target.sum(1)
    adapted = np.linalg.inv(_CONES) @ np.diag(wanted / own) @ _CONES
    matrix: Array = (np.linalg.inv(target) @ adapted @ source).astype(np.float32)
    return matrix


def _to_xyz(primaries: Primaries) -> Array:
    x, y = np.array(primaries[::2]), np.array(primaries[1::2])
    columns = np.stack([x / y, np.ones(4), (1 - x - y) / y])  # (3, red green blue white)
    amounts = np.linalg.solve(columns[:, :3], columns[:, 3])
    return columns[:, :3] * amounts


def _pressed(light: Array) -> Array:
    """What is brighter than the knee, up to the peak, goes between knee and white; hues stay.

    Reinhard et al. 2002, "Photographic tone reproduction for digital images", equation 4.
    """
    brightest = np.maximum(light.max(-1, keepdims=True), 1e-6)
    above = (brightest - _KNEE) / (1 - _KNEE)
    most = (_PEAK / _WHITE - _KNEE) / (1 - _KNEE)
    pressed = _KNEE + (1 - _KNEE) * above * (1 + above / most**2) / (1 + above)
    return np.where(above > 0, light * (pressed / brightest), light)


@lru_cache(maxsize=1)
def _levels() -> NDArray[np.uint8]:
    """The sRGB level of each of 65536 steps of linear light."""
    x = np.arange(65536) / 65535
    level = np.where(x <= 0.0031308, x * 12.92, 1.055 * x ** (1 / 2.4) - 0.055)
    levels: NDArray[np.uint8] = np.rint(level * 255).astype(np.uint8)
    return levels


def _encoded(light: Array) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = _levels()[(np.clip(light, 0, 1) * 65535 + 0.5).astype(np.uint16)]
    return levels
