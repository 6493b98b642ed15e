"""Tasks of meta-training: works of one style with their statistics, styles side by side, a pool of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model.maml import Task
from model.perceptual.statistics import StyleStatistics, concatenate, pool
from model.style_encoder import describe
from model.training.config import TrainingConfig
from model.training.pools import PhotoBatch, Ring, flatten


@dataclass(frozen=True)
class Works:
    """N works of a style: statistics (batch N), and what a critic sees of them (None without one)."""

    statistics: StyleStatistics
    maps: Tensor | None

    def __getitem__(self, part: slice) -> Works:
        return Works(self.statistics[part], None if self.maps is None else self.maps[part])


@dataclass(frozen=True)
class StyleEntry:
    """One task: its works and their pooled statistics (batch 1)."""

    support: Works
    pooled: StyleStatistics
    query: Works
    pooled_query: StyleStatistics

    def query_target(self, holds_support: bool) -> StyleStatistics:
        """What query renders are compared with (batch 1): the unseen works, or all works of the task.

        All works as one target make less of a chance which few are unseen, and keep the examples in sight.
        """
        if not holds_support:
            return self.pooled_query
        return pool(concatenate([self.support.statistics, self.query.statistics]))


@dataclass(frozen=True)
class RenderBatch:
    """Photos to render, N a task side by side, and what to compare the renders with, one a task."""

    photos: PhotoBatch  # (B N, ...)
    target: StyleStatistics  # batch B
    real: Tensor | None = None  # for the critic: (B, C, h, w), of one work a task


class StyleTasks(Task[object, object]):
    """B tasks side by side; every inner step draws other photos and compares with all examples pooled, as
    adaptations do.

    ``descriptions``: (B, K, D) of the examples for the encoder; ``present``: (B, K), 1 where there is one.
    """

    descriptions: Tensor
    present: Tensor

    def __init__(
        self,
        support: Callable[[int], RenderBatch],
        query: Callable[[int], RenderBatch],
        descriptions: Tensor,
        present: Tensor,
    ) -> None:
        super().__init__(support=support, query=query, size=len(descriptions))
        object.__setattr__(self, "descriptions", descriptions)
        object.__setattr__(self, "present", present)


class TaskPool:
    """The last ``capacity`` tasks: what the encoder sees of them, and what renders are compared with."""

    def __init__(self, config: TrainingConfig, rng: random.Random) -> None:
        self.ring = Ring(config.tasks_in_pool, rng)
        self.entries: list[StyleEntry | None] = []  # by position, where a critic needs the single works
        self.longest = config.shots[1] + config.query_works  # Reptile's support holds all works
        self.query_holds_support = config.query_holds_support

    def add(self, entry: StyleEntry) -> None:
        """Put a task in the place of the oldest."""
        position = self.ring.next
        target = entry.query_target(self.query_holds_support)
        descriptions = describe(entry.support.statistics)
        count, missing = len(descriptions), self.longest - len(descriptions)
        present = torch.ones(count, device=descriptions.device)
        self.ring.add(
            {
                "descriptions": F.pad(descriptions, (0, 0, 0, missing)).unsqueeze(0),
                "present": F.pad(present, (0, missing)).unsqueeze(0),
                **{f"support.{name}": value for name, value in flatten(entry.pooled).items()},
                **{f"target.{name}": value for name, value in flatten(target).items()},
            }
        )
        self.entries[position : position + 1] = [entry if entry.support.maps is not None else None]


def one_of(works: Works, rng: random.Random) -> Works:
    """One work at random (batch 1)."""
    index = rng.randrange(len(works.statistics))
    return works[index : index + 1]
