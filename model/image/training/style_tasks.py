"""Makes tasks of styles: works at every level, split into examples and unseen works.

What the loss needs of a style's works costs a pass of the perceptual networks over each of them at each
level. A pool keeps the latest tasks with what was computed, and every step draws from it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

from model.image.adaptation.examples import LevelExamples, observe
from model.image.losses.level_loss import CRITIC_LEVELS
from model.image.losses.objective import Objective
from model.image.media.folders import StyleFolder, scan_photos, to_tensor
from model.image.media.splits import training_groups
from model.image.pyramid import SIDES, level_size, resized
from model.image.training.augment import draw_palette, recolor

STORED_SIDE = 576  # pixels of the longer side at which works and photos are kept in memory


@dataclass(frozen=True)
class StyleTask:
    """One task: the examples as the encoder sees them, and what renders are compared with, level by level.

    ``support`` is of the examples; ``query`` of the examples and the unseen works together, so that it is
    less of a chance which few are unseen.
    """

    group: str
    support: list[LevelExamples]
    query: list[LevelExamples]

    def descriptions(self, level: int) -> Tensor:
        """(K, D) of the examples, for the encoder."""
        return self.support[level].descriptions


@dataclass(frozen=True)
class TaskConfig:
    """How tasks are drawn."""

    shots: tuple[int, int] = (1, 6)  # examples of a task, drawn evenly
    unseen: int = 2  # works beside the examples, at most
    palette_share: float = 0.25  # tasks with another palette, the same for all works
    pool: int = 16  # tasks kept
    uses: int = 20  # steps between new tasks, times the tasks of a step


class TaskPool:
    """The latest tasks of the training styles; ``maps``: with what a critic sees of the works."""

    def __init__(
        self,
        roots: Sequence[Path],
        objective: Objective,
        config: TaskConfig,
        rng: random.Random,
        *,
        maps: bool = False,
    ) -> None:
        self.objective, self.config, self.rng, self.maps = objective, config, rng, maps
        self.groups = _groups(roots)
        self.names = sorted(self.groups)
        self.odds = [_odds(name, len(self.groups[name])) for name in self.names]
        self.tasks: list[StyleTask] = []

    def fill(self, count: int) -> None:
        """Draw tasks until there are ``count``."""
        while len(self.tasks) < min(count, self.config.pool):
            self.refresh()

    def refresh(self) -> None:
        """Draw a task in the place of the oldest."""
        self.tasks.append(self.draw())
        del self.tasks[: max(0, len(self.tasks) - self.config.pool)]

    def choose(self, count: int) -> list[StyleTask]:
        """Different tasks, while there are enough."""
        return self.rng.sample(self.tasks, min(count, len(self.tasks)))

    def draw(self) -> StyleTask:
        """A new task."""
        name = self.rng.choices(self.names, self.odds)[0]
        paths = list(self.groups[name])
        self.rng.shuffle(paths)
        k = min(self.rng.randint(*self.config.shots), max(1, len(paths) - 1))
        palette = draw_palette(self.rng, self.config.palette_share)
        chosen = paths[: k + self.config.unseen]
        works = [recolor(_augmented(load_work(p), name, self.rng), palette) for p in chosen]
        found = [
            observe(self.objective, works, level, self.rng, maps=self.maps and level in CRITIC_LEVELS)
            for level in range(len(SIDES))
        ]
        return StyleTask(
            name,
            [LevelExamples.join(works[:k]) for works in found],
            [LevelExamples.join(works) for works in found],
        )


def _groups(roots: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Training groups of all roots; groups of one name are one style."""
    found: dict[str, tuple[Path, ...]] = {}
    for root in roots:
        for name, paths in StyleFolder.scan(root).groups.items():
            found[name] = (*found.get(name, ()), *paths)
    kept = training_groups(found)
    if not kept:
        raise FileNotFoundError(
            f"{', '.join(map(str, roots))}: every style is held out by its name: add folders of other artists"
        )
    return {name: paths for name, paths in found.items() if name in kept}


def _odds(name: str, works: int) -> float:
    """Square root of the size; low-resolution groups, nine tenths of one movement, count for less."""
    return math.sqrt(works) * (0.6 if name.startswith("lo_") else 1.0)


def _augmented(work: Image.Image, group: str, rng: random.Random) -> Image.Image:
    """A random part of the work, at odds mirrored; squashed copies (``lo_*``) are stretched either way."""
    width, height = work.size
    share = rng.uniform(0.7, 1.0)
    w, h = width * share, height * share
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    stretch = 1.33 ** rng.uniform(-0.5, 0.5) if group.startswith("lo_") else 1.0
    size = (round(w * stretch), round(h / stretch))
    part = work.resize(size, Image.Resampling.LANCZOS, (left, top, left + w, top + h))
    return ImageOps.mirror(part) if rng.random() < 0.5 else part


_loaded: dict[Path, Image.Image] = {}


def load_work(path: Path) -> Image.Image:
    """Decode to RGB, upright, the longer side at most ``STORED_SIDE``; kept in memory."""
    if path not in _loaded:
        image: Image.Image = Image.open(path)
        image.draft("RGB", (STORED_SIDE, STORED_SIDE))
        image = ImageOps.exif_transpose(image).convert("RGB")
        image.thumbnail((STORED_SIDE, STORED_SIDE), Image.Resampling.LANCZOS)
        _loaded[path] = image
    return _loaded[path]


class PhotoSource:
    """Photos at the sizes of all levels."""

    def __init__(
        self,
        roots: Sequence[Path],
        rng: random.Random,
        *,
        smooth_share: float = 0.15,
        sky_share: float = 0.25,
    ) -> None:
        self.rng, self.smooth_share, self.sky_share = rng, smooth_share, sky_share
        self.roots = [scan_photos(root, split="train") for root in roots]
        for root, photos in zip(roots, self.roots, strict=True):
            if not photos:
                raise FileNotFoundError(f"{root}: every photo is held out by its name: add more photos")

    def draw(self, count: int, level: int, aspect: float) -> list[Tensor]:
        """``count`` photos of one shape at the sizes of levels 0 .. ``level``, (count, 3, H, W) each."""
        photos = [self._photo(aspect) for _ in range(count)]
        sizes = [level_size((round(1000 * aspect), 1000), side) for side in SIDES[: level + 1]]
        return [to_tensor([resized(photo, size) for photo in photos]) for size in sizes]

    def _photo(self, aspect: float) -> Image.Image:
        """A part of a photo with that aspect; some are small parts, as smooth as skies and walls are."""
        rng = self.rng
        photo = load_work(rng.choice(rng.choice(self.roots)))
        share = rng.uniform(0.15, 0.4) if rng.random() < self.smooth_share else rng.uniform(0.6, 1.0)
        height = min(photo.height, photo.width / aspect) * share
        width = height * aspect
        left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
        size = (round(512 * min(1, aspect)), round(512 * min(1, 1 / aspect)))
        part = photo.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
        if rng.random() < self.sky_share:
            part = with_sky(part, rng)
        return ImageOps.mirror(part) if rng.random() < 0.5 else part


def with_sky(photo: Image.Image, rng: random.Random) -> Image.Image:
    """The photo under a clear sky: what few photos have, and where a network that normalises makes things up.

    Above a slanted horizon, a gradient of two colours with noise of 0 to 2 grey levels.
    """
    width, height = photo.size
    left, right = (rng.uniform(0.25, 0.75) * height for _ in range(2))
    down = np.arange(height, dtype=np.float32)[:, None]
    horizon = np.linspace(left, right, width, dtype=np.float32)[None]
    sky = np.clip(horizon - down, 0, 2)[..., None] / 2  # its edge is two pixels wide
    grey = rng.uniform(20, 240)
    top = np.array([grey + rng.uniform(-45, 45) for _ in range(3)], dtype=np.float32)
    change = np.array([rng.uniform(-60, 60) for _ in range(3)], dtype=np.float32)
    gradient = top + change * (down / height)[..., None]
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, rng.uniform(0, 2), (height, width, 1))
    mixed = sky * (gradient + noise) + (1 - sky) * np.asarray(photo, dtype=np.float32)
    return Image.fromarray((mixed + 0.5).clip(0, 255).astype(np.uint8))
