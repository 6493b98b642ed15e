"""Tasks drawn from folders: K works of a style as the support, others of it as the query, with statistics."""

from __future__ import annotations

import random

import torch
from PIL import Image

from model.critic import critic_inputs
from model.data.folders import StyleFolder, load, to_tensor
from model.data.tasks import StyleTask, TaskSampler
from model.networks import Objective
from model.perceptual.statistics import pool
from model.training.augment import crop, draw_palette, mix
from model.training.config import TrainingConfig
from model.training.prefetch import Prefetch
from model.training.pretrain import aspect_jitter, style_weights
from model.training.style_tasks import StyleEntry, Works


class TaskSource:
    """Draws tasks of the training split; a share of them are mixtures of two.

    ``maps``: keep what a critic sees of the works.
    """

    def __init__(
        self, config: TrainingConfig, objective: Objective, rng: random.Random, *, maps: bool = False
    ) -> None:
        self.config, self.objective, self.rng, self.maps = config, objective, rng, maps
        styles = StyleFolder.scan(config.styles, split="train").at_least(config.least_works)
        weights = style_weights(styles)
        seed = rng.randrange(2**32)
        self.sampler = TaskSampler(
            styles, shots=config.shots, seed=seed, weights=[weights[n] for n in sorted(weights)]
        )
        self.crops = Prefetch(self._crops, rng, workers=config.workers, ahead=8)

    def draw(self) -> StyleEntry:
        """A new task: its support and its query works, with their statistics."""
        works, k = self._works(self.crops())
        if self.rng.random() < self.config.mix_share:
            works, k = self._mixture((works, k), self._works(self.crops()))
        # Reptile has no query: all works are for the inner loop
        support = works if self.config.algorithm == "reptile" else works[:k]
        query = works[k:]
        return StyleEntry(support, pool(support.statistics), query, pool(query.statistics))

    def close(self) -> None:
        """End the threads that crop ahead."""
        self.crops.close()

    def _crops(self, rng: random.Random) -> tuple[list[Image.Image], int]:
        """Crops of the works of a task: its support, then its query; and the size of the support.

        One palette and one range of scales for all of them: what makes them one style.
        """
        task: StyleTask = self.sampler.draw(rng)
        query = rng.sample(task.query, min(self.config.query_works, len(task.query)))
        palette = draw_palette(rng, self.config.palette_share)
        low = rng.uniform(self.config.crop_low, max(self.config.crop_low, 0.7))
        high, jitter = min(1.0, low + 0.5), aspect_jitter(task.group)
        size = self.config.meta_size
        works = [
            crop(load(path), size, rng, low=low, high=high, jitter=jitter, palette=palette)
            for path in (*task.support, *query)
        ]
        return works, len(task.support)

    def _works(self, drawn: tuple[list[Image.Image], int]) -> tuple[Works, int]:
        crops, k = drawn
        found, features = self.objective.observe(to_tensor(crops, self.objective.device))
        maps = critic_inputs(features).bfloat16() if self.maps else None
        return Works(found, maps), k

    def _mixture(self, a: tuple[Works, int], b: tuple[Works, int]) -> tuple[Works, int]:
        """A style between two: each work mixed of a work of both, in the same proportion."""
        k = min(a[1], b[1])
        queries = min(len(works.statistics) - size for works, size in (a, b))
        first, second = ([*range(k), *range(size, size + queries)] for _, size in (a, b))
        share = self.rng.random()
        x, y = a[0].statistics[first], b[0].statistics[second]
        mixed = mix(x, y, torch.full((k + queries,), share, device=x.colors.device))
        maps = None
        if a[0].maps is not None and b[0].maps is not None:  # a patch is painted in one of the two
            own = [self.rng.random() < share for _ in first]
            rows = zip(own, first, second, strict=True)
            maps = torch.stack([a[0].maps[i] if mine else b[0].maps[j] for mine, i, j in rows])
        return Works(mixed, maps), k
