"""Pools of recent photos and style works with their features.

The perceptual network has to see every photo and every work before they can be used as targets. A
pool keeps the last N of each with what was computed, a few entries are replaced at every step, and
batches are drawn from the pool: each costly forward pass then serves several training samples.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from PIL import Image
from torch import Tensor

from model.critic import critic_inputs
from model.data.folders import to_tensor
from model.networks import Objective
from model.perceptual.statistics import StyleStatistics, concatenate

T = TypeVar("T")


@dataclass
class PhotoBatch:
    """B photos, their content features, and their own style statistics."""

    images: Tensor
    content: dict[str, Tensor]
    own: StyleStatistics


def join_photos(parts: Sequence[PhotoBatch]) -> PhotoBatch:
    """Batches side by side."""
    return PhotoBatch(
        torch.cat([part.images for part in parts]),
        {layer: torch.cat([part.content[layer] for part in parts]) for layer in parts[0].content},
        concatenate([part.own for part in parts]),
    )


class PhotoPool:
    """The last ``capacity`` photo crops."""

    def __init__(
        self, draw: Callable[[], Image.Image], objective: Objective, capacity: int, rng: random.Random
    ) -> None:
        self.draw, self.objective, self.capacity, self.rng = draw, objective, capacity, rng
        self.entries: list[PhotoBatch] = []
        self.next = 0

    def refresh(self, count: int) -> None:
        """Replace the oldest entries by ``count`` new crops."""
        images = to_tensor([self.draw() for _ in range(count)]).to(self.objective.device)
        content, own = self.objective.photo_targets(images)
        for i in range(count):
            one = slice(i, i + 1)
            entry = PhotoBatch(images[one], {k: v[one].bfloat16() for k, v in content.items()}, own[one])
            if len(self.entries) < self.capacity:
                self.entries.append(entry)
            else:
                self.entries[self.next] = entry
                self.next = (self.next + 1) % self.capacity

    def batch(self, count: int) -> PhotoBatch:
        """``count`` photos, without repeats while there are enough."""
        found = join_photos(_choose(self.entries, count, self.rng))
        return replace(found, content={layer: map_.float() for layer, map_ in found.content.items()})


@dataclass
class StyleBatch:
    """B works: their statistics, and what a critic sees of them (None without one)."""

    statistics: StyleStatistics
    real: Tensor | None = None


class StylePool:
    """The last ``capacity`` crops of style works: statistics, and the critic's inputs when ``maps``."""

    def __init__(
        self,
        draw: Callable[[], Image.Image],
        objective: Objective,
        capacity: int,
        rng: random.Random,
        *,
        maps: bool = False,
    ) -> None:
        self.draw, self.objective, self.capacity, self.rng = draw, objective, capacity, rng
        self.maps = maps
        self.entries: list[StyleBatch] = []
        self.next = 0

    def refresh(self, count: int) -> None:
        """Replace the oldest entries by ``count`` new crops."""
        images = to_tensor([self.draw() for _ in range(count)]).to(self.objective.device)
        found, features = self.objective.observe(images)
        real = critic_inputs(features).bfloat16() if self.maps else None
        for i in range(count):
            entry = StyleBatch(found[i : i + 1], real[i : i + 1].clone() if real is not None else None)
            if len(self.entries) < self.capacity:
                self.entries.append(entry)
            else:
                self.entries[self.next] = entry
                self.next = (self.next + 1) % self.capacity

    def batch(self, count: int) -> StyleBatch:
        """``count`` styles, without repeats while there are enough."""
        chosen = _choose(self.entries, count, self.rng)
        reals = [entry.real for entry in chosen if entry.real is not None]
        return StyleBatch(
            concatenate([entry.statistics for entry in chosen]), torch.cat(reals) if reals else None
        )


def _choose(entries: list[T], count: int, rng: random.Random) -> list[T]:
    if count <= len(entries):
        return rng.sample(entries, count)
    return [rng.choice(entries) for _ in range(count)]
