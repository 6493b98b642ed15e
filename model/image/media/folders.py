"""Reads folders of pictures: a folder a style (WikiArt-like), or one folder of photos (COCO-like)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from model.image.media.splits import Split, split_of

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def pictures(folder: Path) -> list[Path]:
    """Every picture in a folder and below it, sorted; no hidden files, such as macOS writes beside others."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))


@dataclass(frozen=True)
class StyleFolder:
    """Groups of works, one style each: ``{group: works}`` in sorted order."""

    groups: dict[str, tuple[Path, ...]]

    @classmethod
    def scan(cls, root: Path, *, split: Split | None = None, seed: int = 0) -> StyleFolder:
        """Read ``root/<group>/*.jpg``; raise ``FileNotFoundError`` when no group holds a picture."""
        folders = [d for d in sorted(root.iterdir()) if d.is_dir()] if root.is_dir() else []
        groups = {d.name: tuple(pictures(d)) for d in folders}
        groups = {name: works for name, works in groups.items() if works}
        if not groups:
            raise FileNotFoundError(f"{root}: no style folders with pictures (expected {root}/<style>/*.jpg)")
        if split is not None:
            groups = {name: works for name, works in groups.items() if split_of(name, seed=seed) == split}
        return cls(groups)

    def at_least(self, works: int) -> StyleFolder:
        """Only the groups with that many works: those that can be split into support and query."""
        return StyleFolder({name: paths for name, paths in self.groups.items() if len(paths) >= works})


def scan_photos(root: Path, *, split: Split | None = None, seed: int = 0) -> list[Path]:
    """Photos of a folder; raise ``FileNotFoundError`` when there is none."""
    found = pictures(root) if root.is_dir() else []
    if not found:
        raise FileNotFoundError(f"{root}: no pictures (expected .jpg, .png or .webp files)")
    return [p for p in found if split is None or split_of(p.name, seed=seed) == split]


@lru_cache(maxsize=8192)
def load(path: Path, short_side: int = 384) -> Image.Image:
    """Decode to RGB, upright, at a short side of at most ``short_side`` pixels; kept in memory."""
    image: Image.Image = Image.open(path)
    image.draft("RGB", (short_side, short_side))
    image = ImageOps.exif_transpose(image).convert("RGB")
    scale = short_side / min(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    return image


def to_tensor(images: Sequence[Image.Image], device: torch.device | None = None) -> Tensor:
    """RGB pictures of one size -> (B, 3, H, W) float32 in 0..1, on ``device`` (default: the CPU).

    They travel as bytes, and with CUDA the host does not wait for them.
    """
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    if device is not None:
        cuda = device.type == "cuda"
        stacked = (stacked.pin_memory() if cuda else stacked).to(device, non_blocking=cuda)
    return stacked.permute(0, 3, 1, 2).float().div_(255).contiguous()


def to_image(tensor: Tensor) -> Image.Image:
    """(3, H, W) in 0..1 -> RGB picture."""
    array = tensor.float().clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(array)


def random_crop(
    image: Image.Image, size: int, rng: random.Random, *, low: float, high: float = 1.0, jitter: float = 1.0
) -> Image.Image:
    """A square of ``low``..``high`` of the short side, at ``size`` pixels, flipped at even odds.

    ``jitter`` >= 1 stretches the crop's aspect by a factor of up to that much either way.
    """
    side = min(image.size) * rng.uniform(low, high)
    stretch = jitter ** rng.uniform(-0.5, 0.5)
    width, height = min(image.width, side * stretch), min(image.height, side / stretch)
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    crop = image.resize((size, size), Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    return ImageOps.mirror(crop) if rng.random() < 0.5 else crop
