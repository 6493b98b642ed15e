"""Find the watermark in a picture that may have been scaled, cropped and compressed.

The scale is searched: for each size of a tile that is possible, the picture's phases at the known waves are
put together, and one Fourier transform shows how well they fit at every place.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from app.provenance.watermark.pattern import DATA, SYNC, TILES, Complex, on_grid, waves
from app.provenance.watermark.payload import Payload, decode

_SIDE = 640  # px of the longer side that is looked at
_PADDED = 2048  # points of its spectrum
_COARSE, _FINE = 96, 256  # places along a tile
_SMALLEST, _LARGEST, _STEP = 0.75, 1.7, 0.003  # tiles: relative to those of a whole picture
_LOOKED_AT = 3  # sizes that are decoded
_LEAST_SCORE = 9.0  # of a payload whose checksum fits


@dataclass(frozen=True)
class Found:
    """``scale``: how large the tiles are beside those of a whole picture (a crop to 80 %: 1.25); ``score``:
    how much of the payload's waves is left, see ``payload.decode``."""

    payload: Payload
    score: float
    scale: float


def find(image: Image.Image) -> Found | None:
    """The watermark, if there is one. Not found are pictures that were turned, mirrored or bent, or cropped
    to less than six tenths."""
    phases = _phases(_flattened(image))
    y, x, _ = waves()
    steps = np.arange(np.log(_SMALLEST), np.log(_LARGEST), _STEP)
    sizes = _SIDE / TILES * np.exp(steps)
    fits = [on_grid(_at(phases, size, SYNC), y[SYNC], x[SYNC], _COARSE).max() for size in sizes]
    for index in _peaks(np.asarray(fits)):
        found = _decoded(phases, sizes[index])
        if found is not None:
            return found
    return None


def _peaks(fits: NDArray[np.float32]) -> list[int]:
    """The best sizes that are not neighbours."""
    peaks: list[int] = []
    for index in np.argsort(-fits):
        if len(peaks) < _LOOKED_AT and all(abs(index - peak) > 1 for peak in peaks):
            peaks.append(int(index))
    return peaks


def _decoded(phases: Complex, size: float) -> Found | None:
    y, x, _ = waves()
    best, place, at = -1.0, 0, size
    for nearby in size * np.exp(np.linspace(-_STEP, _STEP, 9)):
        grid = on_grid(_at(phases, nearby, SYNC), y[SYNC], x[SYNC], _FINE)
        if (fit := float(grid.max())) > best:
            best, place, at = fit, int(grid.argmax()), nearby
    down, right = divmod(place, _FINE)
    turned = np.exp(2j * np.pi / _FINE * (y[DATA] * down + x[DATA] * right))
    payload, score = decode((_at(phases, at, DATA) * turned).real.astype(np.float32))
    if payload is None or score < _LEAST_SCORE:
        return None
    return Found(payload, score, float(at / (_SIDE / TILES)))


def _at(phases: Complex, size: float, which: slice) -> Complex:
    """The picture's phases at some waves, less the waves' own, for a tile of ``size`` px."""
    y, x, own = waves()
    rows = np.rint(y[which] * (_PADDED / size)).astype(int)
    columns = np.rint(x[which] * (_PADDED / size)).astype(int)
    found: Complex = phases[rows, columns] * own[which].conj()
    return found


def _flattened(image: Image.Image) -> NDArray[np.float32]:
    """Greys without what is large, evenly strong everywhere: as the watermark was put in."""
    grey = image.convert("L")
    scale = _SIDE / max(grey.size)
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    grey = grey.resize(size, Image.Resampling.LANCZOS)
    detail = np.asarray(grey, np.float32) - np.asarray(grey.filter(ImageFilter.GaussianBlur(6)), np.float32)
    strong = Image.fromarray(np.clip(np.abs(detail) * 4, 0, 255).astype(np.uint8))
    around = np.asarray(strong.filter(ImageFilter.BoxBlur(5)), np.float32) / 4
    return np.clip(detail / (around + 2), -3, 3)


def _phases(detail: NDArray[np.float32]) -> Complex:
    """The spectrum around the picture's middle, every frequency as strong as the others; negative vertical
    frequencies by negative indices."""
    height, width = detail.shape
    columns = np.zeros((height, _PADDED), np.float32)
    columns[:, :width] = detail
    middle = width // 2
    across = np.fft.rfft(np.roll(columns, -middle, axis=1), axis=1)[:, : _PADDED // 2]
    rows = np.zeros((_PADDED, across.shape[1]), np.complex64)
    rows[:height] = across
    spectrum = np.fft.fft(np.roll(rows, -(height // 2), axis=0), axis=0)
    phases: Complex = (spectrum / (np.abs(spectrum) + 1e-9)).astype(np.complex64)
    return phases
