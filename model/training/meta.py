"""Phase 2: meta-training. The start, the shared weights and the inner rates, for the sake of unseen works.

A task is one style: K works are the support set, other works of the same style the query set, each
rendered on photos of their own. B tasks run side by side in one batched inner loop (phi is per sample).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.checkpoint import phi_shapes
from model.data.folders import StyleFolder, load, random_crop, scan_photos, to_tensor
from model.data.tasks import TaskSampler
from model.maml import Adam, GradientLearner, Granularity, LearningRates, Order, Params, Start, Task
from model.maml.schedules import constant_order, constant_weights
from model.networks import Networks, Objective
from model.perceptual.statistics import StyleStatistics, concatenate, pool
from model.training.config import TrainingConfig
from model.training.pools import PhotoBatch, PhotoPool
from model.training.pretrain import style_weights

QUERY_WORKS = 3


@dataclass(frozen=True)
class StyleEntry:
    """Statistics of one task's works."""

    support: StyleStatistics  # batch K
    pooled: StyleStatistics  # batch 1
    query: StyleStatistics  # batch 1: the query works pooled


@dataclass(frozen=True)
class RenderBatch:
    """Photos to render and what to compare the renders with, one of each a task."""

    photos: PhotoBatch
    target: StyleStatistics


class EncoderStart(Start):
    """phi_0 of B styles from their support works: the hypernetwork as the meta-learned start."""

    def __init__(self, networks: Networks, objective: Objective) -> None:
        super().__init__()
        self.networks = networks
        self._objective = objective
        self._shapes = phi_shapes(networks)

    @property
    def shapes(self) -> Mapping[str, torch.Size]:
        return self._shapes

    def forward(self, task: Task[object, object]) -> Params:
        assert isinstance(task, StyleTasks)
        encoder = self.networks.encoder
        with self._objective.autocast():
            embedded = [encoder.embedding(entry.support).mean(0, keepdim=True) for entry in task.entries]
            phi = encoder.decode(torch.cat(embedded))
        return {name: value.float() for name, value in phi.items()}


class StyleTasks(Task[object, object]):
    """B tasks side by side; every inner step draws other photos."""

    entries: list[StyleEntry]

    def __init__(self, entries: list[StyleEntry], photos: PhotoPool, rng: random.Random) -> None:
        def support(step: int) -> RenderBatch:
            singles = step % 2 == 1
            targets = [_one(e.support, rng) if singles else e.pooled for e in entries]
            return RenderBatch(photos.batch(len(entries)), concatenate(targets))

        query = RenderBatch(photos.batch(len(entries)), concatenate([e.query for e in entries]))
        super().__init__(support=support, query=query, size=len(entries))
        object.__setattr__(self, "entries", entries)


class MetaTraining:
    """Keeps a pool of tasks with their statistics and computes the meta-loss."""

    def __init__(
        self, config: TrainingConfig, networks: Networks, objective: Objective, rng: random.Random
    ) -> None:
        self.config, self.objective, self.rng = config, objective, rng
        styles = StyleFolder.scan(config.styles, split="train").at_least(2)
        weights = style_weights(styles)
        seed = rng.randrange(2**32)
        self.sampler = TaskSampler(
            styles, shots=(1, 8), seed=seed, weights=[weights[n] for n in sorted(weights)]
        )
        photos = scan_photos(config.contents, split="train")
        self.photos = PhotoPool(
            lambda: random_crop(load(rng.choice(photos)), config.meta_size, rng, low=0.4),
            objective,
            config.photos_in_pool,
            rng,
        )
        while len(self.photos.entries) < config.photos_in_pool:
            self.photos.refresh(8)
        self.tasks: list[StyleEntry] = []
        start = EncoderStart(networks, objective)
        steps = config.meta_steps
        rates = LearningRates(
            start.shapes, config.inner_lr, granularity=Granularity.TENSOR_STEP, steps=steps, learned=True
        )
        self.learner = GradientLearner(
            start,
            Adam(rates, betas=(0.9, 0.99)),
            self.loss,
            steps=steps,
            order=constant_order(Order.FIRST),
            weights=constant_weights({0: 0.3, steps: 0.7}),
        )
        self.networks, self.rates = networks, rates

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Trained beside the networks."""
        return {"rates": self.rates}

    def meta_loss(self) -> dict[str, Tensor]:
        """One outer step's losses; ``total`` is what to minimise."""
        c = self.config
        self.photos.refresh(c.fresh_photos)
        while len(self.tasks) < c.tasks_in_pool:
            self.tasks.append(self._draw())
        self.tasks[self.rng.randrange(len(self.tasks))] = self._draw()
        entries = self.rng.sample(self.tasks, c.meta_batch)
        outcome = self.learner.meta_loss(StyleTasks(entries, self.photos, self.rng))
        query = {f"query{step}": loss.mean() for step, loss in outcome.query.items()}
        return {"total": outcome.loss, **query}

    def loss(self, params: Params, batch: RenderBatch) -> Tensor:
        """Loss of each task's render (B,)."""
        with self.objective.autocast():
            renders = self.networks(batch.photos.images, params)
        terms = self.objective.terms(renders, batch.target, batch.photos.content)
        return terms.total(self.config.weights)

    def _draw(self) -> StyleEntry:
        task = self.sampler.draw()
        jitter = 1.33 if task.group.startswith("lo_") else 1.1
        query = self.rng.sample(task.query, min(QUERY_WORKS, len(task.query)))
        works = [
            random_crop(load(path), self.config.meta_size, self.rng, low=0.6, jitter=jitter)
            for path in (*task.support, *query)
        ]
        found = self.objective.style_statistics(to_tensor(works).to(self.objective.device))
        k = len(task.support)
        return StyleEntry(found[:k], pool(found[:k]), pool(found[k:]))


def _one(works: StyleStatistics, rng: random.Random) -> StyleStatistics:
    index = rng.randrange(len(works))
    return works[index : index + 1]
