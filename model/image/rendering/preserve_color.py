"""Keeps the photo's colours: lightness from the render, hue and chroma from the photo.

Luminance-only transfer (Gatys et al. 2016, "Preserving color in neural artistic style transfer",
arXiv:1606.05897, section 3.2), with three changes: it works in Oklab (Ottosson 2020), where lightness is
nearly independent of hue and chroma; the statistics of the lightness are matched after the render, not
before; and what lies outside sRGB loses chroma instead of being clipped channel by channel, which would
turn its hue.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array: TypeAlias = NDArray[Any]  # float32

# Linear sRGB to the cone response of Oklab, and its cube root to L, a, b (Ottosson 2020).
_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    dtype=np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    dtype=np.float32,
)
_FROM_LMS = np.linalg.inv(_TO_LMS).astype(np.float32)
_FROM_LAB = np.linalg.inv(_TO_LAB).astype(np.float32)

_SPREAD = (0.5, 2.0)  # how far the spread of the lightness may be pressed or stretched to match the photo's
_HALVINGS = 10  # of the interval in which the largest chroma inside sRGB is searched: to 1/1000
_TOLERANCE = 1e-4  # linear light; below what 8 bits can show
_ROWS = 64  # rows of the picture that are worked on at a time: bounds the memory


def keep_colors(photo: Image.Image, rendered: Image.Image) -> Image.Image:
    """The render's brushwork in the photo's colours (RGB). ``photo`` is resized to the render's size."""
    if photo.size != rendered.size:
        photo = photo.resize(rendered.size, Image.Resampling.LANCZOS)
    own, new = _lightness(photo), _lightness(rendered)
    scale = float(np.clip(own[1] / max(new[1], 1e-6), *_SPREAD))
    shift = own[0] - scale * new[0]
    result = Image.new("RGB", rendered.size)
    for (top, source), (_, target) in zip(_strips(photo), _strips(rendered), strict=True):
        lab = _oklab(source)
        lab[..., 0] = np.clip(_oklab(target)[..., 0] * scale + shift, 0, 1)
        result.paste(Image.fromarray(_encoded(_into_srgb(lab))), (0, top))
    return result


def _lightness(image: Image.Image) -> tuple[float, float]:
    """Mean and standard deviation of the lightness in Oklab."""
    count, total, squares = 0, 0.0, 0.0
    for _, linear in _strips(image):
        lightness = _oklab(linear)[..., 0].astype(np.float64)
        count += lightness.size
        total += float(lightness.sum())
        squares += float(np.square(lightness).sum())
    mean = total / count
    return mean, max(squares / count - mean**2, 0.0) ** 0.5


def _strips(image: Image.Image) -> Iterator[tuple[int, Array]]:
    """Strips of rows as (first row, linear light (h, W, 3)): a large picture is never whole in floats."""
    for top in range(0, image.height, _ROWS):
        yield top, _linear(image.crop((0, top, image.width, min(top + _ROWS, image.height))))


def _linear(image: Image.Image) -> Array:
    """sRGB picture -> linear light in 0..1, (H, W, 3)."""
    levels = np.arange(256, dtype=np.float32) / 255
    table = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    linear: Array = table.astype(np.float32)[np.asarray(image.convert("RGB"))]
    return linear


def _encoded(linear: Array) -> NDArray[np.uint8]:
    """Linear light -> sRGB levels, (..., 3)."""
    clipped = np.clip(linear, 0, 1)
    value = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    levels: NDArray[np.uint8] = np.rint(value * 255).astype(np.uint8)
    return levels


def _oklab(linear: Array) -> Array:
    lab: Array = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def _unlab(lab: Array) -> Array:
    linear: Array = (lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T
    return linear


def _into_srgb(lab: Array) -> Array:
    """Linear sRGB of Oklab values, each with the largest share of its chroma that sRGB has: (..., 3)."""
    linear = _unlab(lab)
    outside = ((linear < -_TOLERANCE) | (linear > 1 + _TOLERANCE)).any(-1)
    if not outside.any():
        return linear
    colours = lab[outside]  # (N, 3)
    low, high = np.zeros(len(colours), np.float32), np.ones(len(colours), np.float32)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tried = _unlab(_with_chroma(colours, middle))
        fits = ((tried >= -_TOLERANCE) & (tried <= 1 + _TOLERANCE)).all(-1)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    linear[outside] = _unlab(_with_chroma(colours, low))
    return linear


def _with_chroma(lab: Array, share: Array) -> Array:
    return np.concatenate([lab[:, :1], lab[:, 1:] * share[:, None]], axis=1)
