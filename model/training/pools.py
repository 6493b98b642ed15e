"""Pools of recent photos and style works with their features.

The perceptual network has to see every photo and every work before they can be used as targets. A
pool keeps the last N of each with what was computed, a few entries are replaced at every step, and
batches are drawn from the pool: each costly forward pass then serves several training samples.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from model.critic import critic_inputs
from model.data.folders import to_tensor
from model.networks import Objective
from model.perceptual.statistics import StyleStatistics, concatenate


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


class Ring:
    """The last ``capacity`` samples of named tensors, in memory that is taken once.

    A batch is one gather a tensor, which on an accelerator is one kernel, whatever the batch.
    """

    def __init__(self, capacity: int, rng: random.Random) -> None:
        self.capacity, self.rng = capacity, rng
        self.tensors: dict[str, Tensor] = {}
        self.filled = self.next = 0

    def __len__(self) -> int:
        return self.filled

    def add(self, samples: Mapping[str, Tensor]) -> None:
        """Write samples (each tensor: (N, ...)) over the oldest ones."""
        count = len(next(iter(samples.values())))
        if not self.tensors:
            self.tensors = {k: v.new_empty((self.capacity, *v.shape[1:])) for k, v in samples.items()}
        for name, value in samples.items():
            at = self.next
            for part in torch.split(value, _turns(at, count, self.capacity)):
                self.tensors[name][at : at + len(part)] = part
                at = (at + len(part)) % self.capacity
        self.next = (self.next + count) % self.capacity
        self.filled = min(self.capacity, self.filled + count)

    def choose(self, count: int) -> list[int]:
        """Positions of ``count`` samples, without repeats while there are enough."""
        if count <= self.filled:
            return self.rng.sample(range(self.filled), count)
        return [self.rng.randrange(self.filled) for _ in range(count)]

    def take(self, index: Tensor) -> dict[str, Tensor]:
        """The samples at ``index`` (N,), on the ring's device."""
        return {name: value[index] for name, value in self.tensors.items()}


class Choice:
    """Positions in a ring, in a tensor that stays where it is: what is computed of them can be recorded."""

    def __init__(self, count: int, device: torch.device) -> None:
        self.index = torch.zeros(count, dtype=torch.int64, device=device)

    def write(self, positions: Sequence[int]) -> None:
        """Choose these, without waiting for the device."""
        wanted = torch.tensor(positions)
        self.index.copy_(wanted.pin_memory() if self.index.is_cuda else wanted, non_blocking=True)


def _turns(at: int, count: int, capacity: int) -> list[int]:
    """Lengths of the runs in which ``count`` samples go into a ring from position ``at`` on."""
    runs = []
    while count:
        runs.append(min(count, capacity - at))
        count -= runs[-1]
        at = 0
    return runs


def flatten(statistics: StyleStatistics) -> dict[str, Tensor]:
    """B styles as named tensors (B, ...), as a ring keeps them."""
    means = {f"mean.{k}": v for k, v in statistics.mean.items()}
    seconds = {f"second.{k}": v for k, v in statistics.second.items()}
    scatter = {f"scatter.{k}": v for k, v in statistics.scatter.items()}
    patches = {f"patches.{k}": v for k, v in statistics.patches.items()}
    return {**means, **seconds, **scatter, **patches, "colors": statistics.colors}


def unflatten(tensors: Mapping[str, Tensor], prefix: str = "") -> StyleStatistics:
    """What ``flatten`` took apart, from the names that begin with ``prefix``."""

    def part(kind: str) -> dict[str, Tensor]:
        start = prefix + kind
        return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}

    return StyleStatistics(
        part("mean."),
        part("second."),
        tensors[f"{prefix}colors"],
        scatter=part("scatter."),
        patches=part("patches."),
    )


class PhotoPool:
    """The last ``capacity`` photo crops; content features are kept in bf16."""

    def __init__(
        self, draw: Callable[[], Image.Image], objective: Objective, capacity: int, rng: random.Random
    ) -> None:
        self.source, self.objective = draw, objective
        self.ring = Ring(capacity, rng)

    def __len__(self) -> int:
        return len(self.ring)

    def refresh(self, count: int) -> None:
        """Replace the oldest entries by ``count`` new crops."""
        if count == 0:
            return
        images = to_tensor([self.source() for _ in range(count)], self.objective.device)
        content, own = self.objective.photo_targets(images)
        kept = {f"content.{k}": v.bfloat16() for k, v in content.items()}
        self.ring.add({"images": images, **kept, **flatten(own)})

    def batch(self, count: int) -> PhotoBatch:
        """``count`` photos, without repeats while there are enough."""
        return self.at(torch.tensor(self.ring.choose(count), device=self.objective.device))

    def at(self, index: Tensor) -> PhotoBatch:
        """The photos at positions (N,) of the ring."""
        found = self.ring.take(index)
        prefix = "content."
        content = {k.removeprefix(prefix): v.float() for k, v in found.items() if k.startswith(prefix)}
        return PhotoBatch(found["images"], content, unflatten(found))


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
        self.source, self.objective = draw, objective
        self.maps = maps
        self.ring = Ring(capacity, rng)

    def __len__(self) -> int:
        return len(self.ring)

    def refresh(self, count: int) -> None:
        """Replace the oldest entries by ``count`` new crops."""
        if count == 0:
            return
        images = to_tensor([self.source() for _ in range(count)], self.objective.device)
        found, features = self.objective.observe(images)
        real = {"real": critic_inputs(features).bfloat16()} if self.maps else {}
        self.ring.add({**flatten(found), **real})

    def batch(self, count: int) -> StyleBatch:
        """``count`` styles, without repeats while there are enough."""
        return self.at(torch.tensor(self.ring.choose(count), device=self.objective.device))

    def at(self, index: Tensor) -> StyleBatch:
        """The styles at positions (N,) of the ring."""
        found = self.ring.take(index)
        return StyleBatch(unflatten(found), found.get("real"))
