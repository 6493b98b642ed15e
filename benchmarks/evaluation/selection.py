"""What is measured on: artists, their examples and unseen works, photos. All choices are seeded."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from benchmarks.errors import SelectionError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp"})
MIN_UNSEEN = 2
MAX_UNSEEN = 8
MAX_ASPECT = 2.0


@dataclass(frozen=True)
class Artist:
    """One style: works that methods see the first K of, and works that they never see.

    The unseen works are the same for every K: distances to them may be compared over K.
    """

    name: str
    pool: tuple[Path, ...]
    unseen: tuple[Path, ...]

    def examples(self, k: int) -> tuple[Path, ...]:
        """The first K works of the pool."""
        return self.pool[:k]

    def allows(self, k: int) -> bool:
        """Whether there are works enough for K examples."""
        return k <= len(self.pool)


def pictures_in(folder: Path) -> list[Path]:
    """Picture files directly in ``folder``, sorted by name.

    Raises:
        SelectionError: not a folder.
    """
    if not folder.is_dir():
        raise SelectionError(f"{folder} is not a folder")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS)


def choose_artists(
    styles: Path,
    *,
    ks: Sequence[int],
    main_k: int,
    seed: int = 0,
    groups: Sequence[str] | None = None,
    least_unseen: int = MIN_UNSEEN,
) -> list[Artist]:
    """Groups (subfolders of ``styles``) with at least ``main_k + least_unseen`` works, sorted by name.

    A group's pool is as large as the largest of ``ks`` that leaves ``least_unseen`` works; up to
    ``MAX_UNSEEN`` of the others are its unseen works. The order of works depends on ``seed`` and the
    group's name alone, so another selection of groups changes nothing about a group.

    Raises:
        SelectionError: a listed group does not exist, or no group qualifies.
    """
    if groups is None:
        groups = [path.name for path in styles.iterdir() if path.is_dir()] if styles.is_dir() else []
    artists = []
    for name in sorted(groups):
        works = pictures_in(styles / name)
        if len(works) < main_k + least_unseen:
            continue
        random.Random(f"{seed}/{name}").shuffle(works)
        size = max(k for k in (*ks, main_k) if k + least_unseen <= len(works))
        artists.append(Artist(name, tuple(works[:size]), tuple(works[size : size + MAX_UNSEEN])))
    if not artists:
        raise SelectionError(f"no group with at least {main_k + least_unseen} works in {styles}")
    return artists


def limited(artists: Sequence[Artist], limit: int | None, *, seed: int = 0) -> list[Artist]:
    """A seeded subset of at most ``limit`` artists, spread over all of them, in their order."""
    if limit is None or limit >= len(artists):
        return list(artists)
    kept = random.Random(f"{seed}/limit").sample(range(len(artists)), limit)
    return [artists[index] for index in sorted(kept)]


def choose_photos(photos: Sequence[Path], *, count: int, seed: int = 0) -> list[Path]:
    """``count`` of ``photos``, seeded.

    Raises:
        SelectionError: fewer photos than asked for.
    """
    if len(photos) < count:
        raise SelectionError(f"{len(photos)} photos to choose from, {count} are needed")
    return random.Random(f"{seed}/photos").sample(sorted(photos), count)


def load_work(path: Path, size: int) -> Image.Image:
    """A work with its short side at ``size`` px, its long side cut to ``MAX_ASPECT`` times that (centre)."""
    picture = _upright(path)
    short = min(picture.size)
    longest = int(short * MAX_ASPECT)
    width, height = (min(side, longest) for side in picture.size)
    scale = size / short
    return ImageOps.fit(
        picture, (max(size, round(width * scale)), max(size, round(height * scale))), Image.Resampling.LANCZOS
    )


def load_photo(path: Path, size: int) -> Image.Image:
    """The centre square of a photo, ``size`` x ``size`` px."""
    return ImageOps.fit(_upright(path), (size, size), Image.Resampling.LANCZOS)


def to_tensor(picture: Image.Image) -> Tensor:
    """``(3, H, W)`` float32, RGB in 0..1."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255.0
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _upright(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")
