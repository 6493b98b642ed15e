"""Photos of a clear sky, made here, and what a rendering makes of them: noise, lines, lattices, halos.

Luma is in grey levels, 0 to 255. Regions are parts of the picture, whatever its size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Luma = NDArray[np.float64]  # (H, W), 0..255

NOISE = 1.5  # grey levels
SKY = (126, 176, 226)
HORIZON = 0.7  # of the height
GROUND = (62, 78, 44)
TOWER = (0.4, 0.6, 0.25)  # left, right, top
ABOVE = 0.25  # of the height that lies between the measured sky and the horizon, whose halo is not the sky's
RING = (0.005, 0.06)  # how far from an edge a halo is looked for, parts of the longer side
BEYOND = (0.18, 0.25)  # where the sky is taken for undisturbed


def luma_of(picture: Image.Image) -> Luma:
    """Luma of a picture."""
    return np.asarray(picture.convert("RGB"), dtype=np.float64) @ (0.299, 0.587, 0.114)


def clear_sky(size: int) -> Image.Image:
    """An even sky with noise over rough ground."""
    return _over_ground(np.broadcast_to(np.array(SKY, dtype=float), (size, size, 3)), noise=NOISE)


def gradient_sky(size: int) -> Image.Image:
    """A sky that brightens to the horizon, without noise: in 8 bits, steps of one grey level."""
    down = np.linspace(0, 1, size)[:, None, None]
    sky = (1 - down) * np.array((70, 120, 190)) + down * np.array((170, 205, 235))
    return _over_ground(np.broadcast_to(sky, (size, size, 3)), noise=0)


def tower_before_sky(size: int) -> Image.Image:
    """A dark tower before an even sky with noise."""
    pixels = np.array(clear_sky(size))
    left, right, top = (round(part * size) for part in TOWER)
    rough = np.random.default_rng(1).normal(0, 6, (size, size, 3))
    tower = (np.array((58, 50, 46)) + rough).clip(0, 255).astype(np.uint8)
    bottom = round(0.85 * size)
    pixels[top:bottom, left:right] = tower[top:bottom, left:right]
    return Image.fromarray(pixels)


PHOTOS: dict[str, Callable[[int], Image.Image]] = {
    "clear-sky": clear_sky,
    "gradient-sky": gradient_sky,
    "tower-before-sky": tower_before_sky,
}


def _over_ground(sky: NDArray[np.float64], *, noise: float) -> Image.Image:
    size, drawn = len(sky), np.random.default_rng(0)
    pixels = sky + drawn.normal(0, 1, (size, size, 3)) * noise
    rough = drawn.integers(0, 256, (size, size), dtype=np.uint8)
    bumps = Image.fromarray(rough).filter(ImageFilter.GaussianBlur(max(1, size / 128)))
    height = (np.asarray(bumps, dtype=np.float64) - 127.5)[..., None]
    edge = round(HORIZON * size)
    pixels[edge:] = (np.array(GROUND) + 1.5 * height)[edge:]
    return Image.fromarray((pixels.clip(0, 255) + 0.5).astype(np.uint8))


def sky_region(luma: Luma) -> Luma:
    """The sky of a rendering, without the picture's border and the horizon's neighbourhood."""
    height, width = luma.shape
    top, bottom = round(0.06 * height), round((HORIZON - ABOVE) * height)
    return luma[top:bottom, round(0.06 * width) : round(0.94 * width)]


def deviation(luma: Luma) -> float:
    """Standard deviation in grey levels: an even sky has none, a crackle much."""
    return float(luma.std())


def scan_lines(luma: Luma) -> float:
    """How strong lines across the whole picture are: their standard deviation in grey levels.

    That of the rows' means without their slow change, less the same of the columns: what a texture without a
    direction leaves in a mean of finitely many pixels is in both.
    """
    rows, columns = (_fast(luma.mean(axis)).var() for axis in (1, 0))
    return float(np.sqrt(max(0.0, rows - columns)))


def _fast(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """A profile without what is slower than an eighth of it."""
    reach = max(1, len(profile) // 16)
    window = 2 * reach + 1
    padded = np.pad(profile, reach, mode="reflect", reflect_type="odd")
    smooth = np.convolve(padded, np.ones(window) / window, mode="valid")
    return profile - smooth


def lattice(luma: Luma) -> float:
    """Share of the variance that lies in the strongest single frequency, 0..1: a regular pattern has one.

    Frequencies below eight periods a side are left out: they are the picture's own slow changes.
    """
    side = min(luma.shape)
    part = luma[:side, :side] - luma[:side, :side].mean()
    window = np.hanning(side)
    power = np.abs(np.fft.fft2(part * window[:, None] * window)) ** 2
    frequency = np.abs(np.fft.fftfreq(side) * side)
    power[np.hypot(frequency[:, None], frequency) < 8] = 0
    if power.sum() <= 1e-6 * side**2:  # not even rounding to grey levels has left anything
        return 0.0
    # a window spreads one frequency over its neighbours
    around = sum(np.roll(power, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
    peak = float(np.max(around))
    return min(1.0, 2 * peak / float(power.sum()))  # a real picture has each frequency twice


@dataclass(frozen=True)
class Contour:
    """Points of an edge and the directions to its bright side, both ``(N, 2)`` as row and column."""

    points: NDArray[np.float64]
    normals: NDArray[np.float64]


def tower_contour(size: tuple[int, int]) -> Contour:
    """The tower's two sides before the sky, in a rendering of ``(width, height)``."""
    width, height = size
    left, right, top = TOWER
    rows = np.arange(round((top + 0.05) * height), round((HORIZON - ABOVE) * height), dtype=float)
    points = [np.stack([rows, np.full_like(rows, column)], 1) for column in (left * width, right * width - 1)]
    normals = [np.broadcast_to((0.0, sign), (len(rows), 2)) for sign in (-1.0, 1.0)]
    return Contour(np.concatenate(points), np.concatenate(normals))


def strong_contour(luma: Luma, *, share: float = 0.02) -> Contour:
    """The strongest edges of any picture, of objects rather than of strokes: gradients smoothed by 1 %."""
    blur = ImageFilter.GaussianBlur(max(luma.shape) / 100)
    smooth = np.asarray(Image.fromarray(luma.clip(0, 255).astype(np.uint8)).filter(blur), dtype=np.float64)
    down, across = (np.asarray(slope, dtype=np.float64) for slope in np.gradient(smooth))
    strength: Luma = np.hypot(down, across)
    rows, columns = np.nonzero(strength >= max(1e-6, float(np.quantile(strength, 1 - share))))
    directions = np.stack([down[rows, columns], across[rows, columns]], 1)
    normals = directions / strength[rows, columns, None]
    return Contour(np.stack([rows, columns], 1).astype(np.float64), normals)


def halo(luma: Luma, contour: Contour) -> float:
    """How much brighter the bright side of an edge is close by than farther out, in grey levels.

    The brightest of several rings, each a mean along the contour. Points whose neighbourhood leaves the
    picture do not count.

    Returns:
        0 where the contour has no such points.
    """
    side = max(luma.shape)
    far = _rings(luma, contour, np.linspace(*BEYOND, 5) * side)
    near = _rings(luma, contour, np.linspace(RING[0] * side + 1, RING[1] * side, 8))
    both = np.concatenate([near, far])
    inside = ~np.isnan(both).any(axis=0)
    if not inside.any():
        return 0.0
    return float(near[:, inside].mean(axis=1).max() - far[:, inside].mean())


def _rings(luma: Luma, contour: Contour, distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luma at so many pixels from every point: ``(distances, points)``, NaN outside of the picture."""
    places = np.rint(contour.points + distances[:, None, None] * contour.normals).astype(int)
    rows, columns = places[..., 0], places[..., 1]
    height, width = luma.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    found = luma[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return np.where(inside, found, np.nan)
