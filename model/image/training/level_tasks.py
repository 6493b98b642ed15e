"""Draws the tasks of the outer loop: styles from the pool, photos, and what a level draws on."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.image.adaptation.level_renders import RenderBatch, chosen_places, finer_inputs
from model.image.dials import Dials
from model.image.losses.critic import Critic, window
from model.image.losses.level_loss import Judged, Target
from model.image.losses.loss_weights import LEVEL_WEIGHTS
from model.image.losses.objective import Objective
from model.image.losses.statistics import concatenate
from model.image.network.networks import Networks
from model.image.pyramid import SIDES
from model.image.training.learner import LevelTask
from model.image.training.style_tasks import PhotoSource, StyleTask, TaskPool

ABSTRACTIONS = 0.0, 0.8  # in training, drawn evenly


@dataclass(frozen=True)
class LevelBatch:
    """How much of a level goes into one outer step."""

    share: float  # of the outer steps
    styles: int
    photos: int  # of each style
    crop: int | None = None  # pixels a side of a part that is rendered; None: whole pictures


BATCHES = (
    LevelBatch(0.2, 6, 2),
    LevelBatch(0.25, 5, 1),
    LevelBatch(0.25, 2, 1),
    LevelBatch(0.3, 2, 1, crop=208),
)


class LevelTasks:
    """An endless stream of tasks."""

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        pool: TaskPool,
        photos: PhotoSource,
        rng: random.Random,
        critics: Mapping[int, Critic] | None = None,
        critic_weight: float = 0.0,
    ) -> None:
        """``critics``: of the fine levels, trained beside the networks."""
        self.networks, self.objective = networks, objective
        self.critics, self.critic_weight = critics or {}, critic_weight
        self.pool, self.photos, self.rng = pool, photos, rng
        self.steps = 0

    def draw(self) -> LevelTask:
        """A task at a level drawn by ``BATCHES``."""
        if self.steps % self.pool.config.uses == 0:
            self.pool.refresh()
        self.steps += 1
        level = self.rng.choices(range(len(SIDES)), [batch.share for batch in BATCHES])[0]
        styles = self.pool.choose(BATCHES[level].styles)
        return LevelTask(
            level,
            styles,
            lambda step: self.renders(level, styles, query=False),
            lambda step: self.renders(level, styles, query=True),
        )

    @torch.no_grad()
    def renders(self, level: int, styles: list[StyleTask], *, query: bool) -> RenderBatch:
        """What the styles draw on at a level, from photos drawn anew, and what it is to look like."""
        batch = BATCHES[level]
        aspect = self.rng.choice((1.0, 4 / 3, 3 / 4))
        photos = self.photos.draw(batch.photos * len(styles), level, aspect)
        photos = [photo.to(self.objective.device) for photo in photos]
        inputs = self._inputs(level, styles, photos, batch.photos)
        if batch.crop is not None:
            inputs = self._part(inputs, batch.crop)
        examples = [
            (styles[i // batch.photos].query if query else styles[i // batch.photos].support)[level]
            for i in range(len(inputs))
        ]  # of each input's style
        places = [each.places for each in examples]
        chosen = chosen_places(self.objective, inputs, places)
        counts = LEVEL_WEIGHTS[level].statistics > 0
        pooled = concatenate([each.pooled for each in examples]) if counts else None
        judged = None
        if query and level in self.critics:
            judged = self._judged(level, styles, inputs, batch.photos)
        return RenderBatch(inputs, Target(chosen, places, pooled, judged))

    def _judged(self, level: int, styles: Sequence[StyleTask], inputs: Tensor, count: int) -> Judged:
        """A part of a work beside each render, as large as it."""
        encoder = self.networks.encoder
        embedded = [encoder.embed_style(style.descriptions(level), level) for style in styles]
        embedding = torch.cat(embedded).repeat_interleave(count, 0)
        maps = [self.rng.choice(styles[i // count].query[level].maps) for i in range(len(inputs))]
        height = min(inputs.shape[2] // 4, *(m.shape[2] for m in maps))
        width = min(inputs.shape[3] // 4, *(m.shape[3] for m in maps))
        real = torch.cat([window(m, height, width, self.rng) for m in maps]).float()
        return Judged(self.critics[level], self.critic_weight, embedding, real)

    def _inputs(self, level: int, styles: list[StyleTask], photos: list[Tensor], count: int) -> Tensor:
        """What ``level`` draws on: the coarser levels drawn by the zero-step styles."""
        encoder, x = self.networks.encoder, photos[0]
        dials = Dials(abstraction=self.rng.uniform(*ABSTRACTIONS))
        for at in range(level):
            with self.objective.autocast():
                phi = [encoder.predict(style.descriptions(at), at) for style in styles]
                joined = {k: torch.cat([p[k] for p in phi]).repeat_interleave(count, 0) for k in phi[0]}
                drawn = self.networks(x, joined).float()
            x = finer_inputs(at, x, drawn, photos[at], photos[at + 1], dials)
        return x

    def _part(self, x: Tensor, side: int) -> Tensor:
        height, width = x.shape[2:]
        top, left = (4 * self.rng.randrange(max(0, length - side) // 4 + 1) for length in (height, width))
        return x[:, :, top : top + side, left : left + side]
