"""Phase 2: meta-training. The start, the shared weights and the inner rates, for the sake of unseen works.

A task is one style: K works are the support set, other works of the same style the query set, each
rendered on photos of their own. B tasks run side by side in one batched inner loop (phi is per sample).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Mapping

import torch
from torch import Tensor, nn

from model.checkpoint import phi_shapes
from model.critic import HEAD, Critic, critic_inputs, duel
from model.data.folders import load, scan_photos
from model.maml import (
    GradientLearner,
    InnerConfig,
    LearningRates,
    MetaLearner,
    Order,
    Params,
    Start,
    Task,
    make_algorithm,
)
from model.networks import Networks, Objective
from model.training.augment import crop
from model.training.config import TrainingConfig
from model.training.pools import Choice, PhotoPool, unflatten
from model.training.prefetch import Prefetch
from model.training.style_tasks import RenderBatch, StyleEntry, StyleTasks, TaskPool, Works, one_of
from model.training.task_source import TaskSource

FELL_BACK = "first order from here on"


class EncoderStart(Start):
    """phi_0 of B styles from their support works: the hypernetwork as the meta-learned start.

    With a critic its per-style head is part of the start: adapted like phi, and predicted like it.
    """

    def __init__(self, networks: Networks, objective: Objective, critic: Critic | None = None) -> None:
        super().__init__()
        self.networks, self.critic = networks, critic
        self._objective = objective
        self._shapes = phi_shapes(networks) | (critic.shapes() if critic is not None else {})

    @property
    def shapes(self) -> Mapping[str, torch.Size]:
        return self._shapes

    def forward(self, task: Task[object, object]) -> Params:
        assert isinstance(task, StyleTasks)
        encoder = self.networks.encoder
        with self._objective.autocast():
            embedded = encoder.average(task.descriptions, task.present)
            phi = encoder.decode(embedded)
        head = self.critic.head(embedded.float()) if self.critic is not None else {}
        return {name: value.float() for name, value in phi.items()} | head


class MetaTraining:
    """Keeps a pool of tasks with their statistics and computes the meta-loss."""

    def __init__(
        self,
        config: TrainingConfig,
        networks: Networks,
        objective: Objective,
        rng: random.Random,
        *,
        critic: Critic | None = None,
    ) -> None:
        self.config, self.networks, self.objective, self.rng = config, networks, objective, rng
        self.critic = critic
        self.task_source = TaskSource(config, objective, rng, maps=critic is not None)
        photos = scan_photos(config.contents, split="train")
        self.draw_photo = Prefetch(
            lambda rng: crop(load(rng.choice(photos)), config.meta_size, rng, low=config.crop_low),
            rng,
            workers=config.workers,
        )
        self.photos = PhotoPool(self.draw_photo, objective, config.photos_in_pool, rng)
        while len(self.photos) < config.photos_in_pool:
            self.photos.refresh(8)
        self.tasks = TaskPool(config, rng)
        self.steps = 0
        self.chosen: list[StyleEntry] = []  # with a critic only
        self.chosen_tasks = Choice(config.meta_batch, objective.device)
        # photos of every inner step, then of the query before the first step and after the last
        self.photos_a_step = config.meta_batch * config.meta_photos
        self.chosen_photos = Choice((config.meta_steps + 2) * self.photos_a_step, objective.device)
        self.learner = make_learner(config, EncoderStart(networks, objective, critic), self.loss)
        self.learner.to(objective.device)  # the rates: the networks are there
        self.order, self.highest_order = Order.NONE, Order.SECOND
        if isinstance(self.learner, GradientLearner):
            self.prescribed, self.learner.order = self.learner.order, self._order

    @property
    def rates(self) -> LearningRates:
        """The inner rates, learned or fixed."""
        rates = self.learner.rule.rates
        assert isinstance(rates, LearningRates)
        return rates

    @property
    def modules(self) -> dict[str, nn.Module]:
        """Trained beside the networks (and the critic)."""
        return {"rates": self.rates}

    @property
    def renders(self) -> int:
        """Pictures rendered in one outer step."""
        query = len(self.learner.weights(0.0)) if isinstance(self.learner, GradientLearner) else 0
        return self.config.meta_batch * self.config.meta_photos * (self.config.meta_steps + query)

    def prepare(self, progress: float = 0.0) -> Hashable:
        """Refresh the pools and choose tasks and photos: the host's part of a step. The key of its graph."""
        c = self.config
        if self.steps % c.refresh_every == 0:
            self.photos.refresh(c.refresh_every * c.fresh_photos)
            for _ in range(c.refresh_every * c.fresh_tasks):
                self.tasks.add(self.task_source.draw())
            while len(self.tasks.ring) < c.tasks_in_pool:
                self.tasks.add(self.task_source.draw())
        self.steps += 1
        positions = self.tasks.ring.choose(c.meta_batch)
        self.chosen = [entry for i in positions if (entry := self.tasks.entries[i]) is not None]
        self.chosen_tasks.write(positions)
        self.chosen_photos.write(self.photos.ring.choose(len(self.chosen_photos.index)))
        if self.critic is not None or not isinstance(self.learner, GradientLearner):
            return None
        if self.learner.weights(0.0) != self.learner.weights(1.0):
            return None  # a graph would keep the weights of the moment in which it was recorded
        return self._order(progress)

    def meta_loss(self, progress: float = 0.0) -> dict[str, Tensor]:
        """One outer step's losses; ``total`` is what to minimise. ``progress``: share of meta-training."""
        outcome = self.learner.meta_loss(self._tasks(), progress=progress)
        query = {f"query{step}": loss.mean() for step, loss in outcome.query.items()}
        return {"total": outcome.loss, **query}

    def _tasks(self) -> StyleTasks:
        """The chosen tasks and photos."""
        found = self.tasks.ring.take(self.chosen_tasks.index)
        examples, target = unflatten(found, "support."), unflatten(found, "target.")
        steps, chosen = self.config.meta_steps, self.chosen_photos.index.view(-1, self.photos_a_step)

        def support(step: int) -> RenderBatch:
            real = _reals([entry.support for entry in self.chosen], self.rng) if self.chosen else None
            return RenderBatch(self.photos.at(chosen[step]), examples, real)

        def query(step: int) -> RenderBatch:
            real = _reals([entry.query for entry in self.chosen], self.rng) if self.chosen else None
            return RenderBatch(self.photos.at(chosen[steps + (step > 0)]), target, real)

        return StyleTasks(support, query, found["descriptions"], found["present"])

    def _order(self, progress: float) -> Order:
        self.order = min(self.prescribed(progress), self.highest_order)
        return self.order

    def close(self) -> None:
        """End the threads that crop ahead."""
        self.draw_photo.close()
        self.task_source.close()

    def fall_back(self) -> str | None:
        """First order from now on, after undefined gradients; says so, or None when that was so already."""
        if self.order is not Order.SECOND:
            return None
        self.highest_order = Order.FIRST
        return f"undefined second-order gradients: {FELL_BACK}"

    def loss(self, params: Params, batch: RenderBatch) -> Tensor:
        """Mean loss of each task's renders (B,); with a critic, both players' losses."""
        c, tasks = self.config, len(batch.target)
        count = len(batch.photos.images) // tasks
        each = params if count == 1 else {k: v.repeat_interleave(count, 0) for k, v in params.items()}
        target = batch.target
        if count > 1:
            target = target[torch.arange(tasks, device=target.colors.device).repeat_interleave(count)]
        with self.objective.autocast():
            renders = self.networks(batch.photos.images, each)
        terms, features = self.objective.compare(renders, target, batch.photos.content)
        total = terms.total(c.weights)
        if self.critic is not None:
            assert batch.real is not None
            real = batch.real.repeat_interleave(count, 0)
            total = total + duel(self.critic, each, critic_inputs(features), real).total(c.critic)
        return total.view(tasks, count).mean(1)


def make_learner(
    config: TrainingConfig, start: EncoderStart, loss: Callable[[Params, RenderBatch], Tensor]
) -> MetaLearner:
    """The configured algorithm with Adam inside, the optimiser of the adaptation that it trains for."""
    steps, first = config.meta_steps, config.zero_step_weight
    adapt = config.adapt
    if adapt is not None and start.critic is not None:
        adapt = (*adapt, *HEAD)
    return make_algorithm(
        config.algorithm,
        start,
        loss,
        InnerConfig(
            steps=steps,
            lr=config.inner_lr,
            rule="adam",
            betas=(0.9, 0.99),
            adapt=adapt,
            weights=None if first is None else {0: first, steps: 1 - first},
            second_order_from=config.second_order_from,
        ),
    )


def _reals(styles: list[Works], rng: random.Random) -> Tensor | None:
    if any(works.maps is None for works in styles):
        return None
    maps = [one_of(works, rng).maps for works in styles]
    return torch.cat([found for found in maps if found is not None])
