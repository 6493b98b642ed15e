"""K-shot tasks: a style's works split into support and query."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.data.folders import StyleFolder


@dataclass(frozen=True)
class StyleTask:
    """One style: K support works, and query works that the inner loop never sees."""

    group: str
    support: tuple[Path, ...]
    query: tuple[Path, ...]


class TaskSampler:
    """Draws tasks with K uniform in ``shots``; a seed gives the same sequence again.

    Small groups lend what they have: at least one work stays in the query. Groups with fewer than two
    works are never drawn. ``weights`` (one a group, in sorted order) evens out crowded movements.
    """

    def __init__(
        self,
        styles: StyleFolder,
        *,
        shots: tuple[int, int] = (1, 10),
        seed: int = 0,
        weights: Sequence[float] | None = None,
    ) -> None:
        self.groups = styles.at_least(2).groups
        if not self.groups:
            raise ValueError("no style has two works: a task needs one to learn from and one to be judged on")
        self.names = sorted(self.groups)
        self.shots = shots
        self.rng = random.Random(seed)
        self.weights = list(weights) if weights is not None else [1.0] * len(self.names)

    def draw(self, rng: random.Random | None = None) -> StyleTask:
        """One task, by the sampler's own generator or by another."""
        rng = rng or self.rng
        name = rng.choices(self.names, self.weights)[0]
        works = list(self.groups[name])
        rng.shuffle(works)
        k = min(rng.randint(*self.shots), len(works) - 1)
        return StyleTask(name, tuple(works[:k]), tuple(works[k:]))
