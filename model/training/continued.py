"""Phase 3: meta-training with long inner loops, continued over outer steps.

Every outer step takes some tasks under way (``model.maml.ContinuedLoops``) and, beside them, a few samples
of pre-training, which keep the zero-step style and the photo's own style (the strength dial) what they were.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from model.adaptation import AdaptConfig
from model.inner_rates import ScheduledRates
from model.maml import Adam, ContinuedLoops, LearningRates, Params
from model.networks import Networks, Objective
from model.perceptual.statistics import concatenate
from model.style_encoder import describe
from model.training.config import TrainingConfig
from model.training.meta import EncoderStart, MetaTraining
from model.training.pools import join_photos
from model.training.pretrain import Pretraining
from model.training.style_tasks import RenderBatch, StyleEntry, StyleTasks

USUAL_LOSS = 4.0  # so that tasks weigh about what samples of pre-training weigh


class LongTask(StyleTasks):
    """One style: every inner step and every query draws another photo."""

    def __init__(self, entry: StyleEntry, source: MetaTraining) -> None:
        def support(step: int) -> RenderBatch:
            return RenderBatch(source.photos.batch(1), entry.pooled)

        target = entry.query_target(source.config.query_holds_support)

        def query(step: int) -> RenderBatch:
            return RenderBatch(source.photos.batch(1), target)

        descriptions = describe(entry.support.statistics).unsqueeze(0)
        super().__init__(support, query, descriptions, torch.ones_like(descriptions[..., 0]))


class ContinuedTraining:
    """Draws tasks and samples, and computes the outer loss.

    The inner rates are ``rates`` (a checkpoint's), falling as in adaptations; they are not trained.
    """

    def __init__(
        self,
        config: TrainingConfig,
        networks: Networks,
        objective: Objective,
        rng: random.Random,
        rates: LearningRates,
    ) -> None:
        self.config, self.networks = config, networks
        self.source = MetaTraining(config, networks, objective, rng)
        self.samples = Pretraining(config, objective, rng)
        self.samples.photos = self.source.photos  # one pool for both
        serving = AdaptConfig()
        schedule = ScheduledRates(rates, config.continued_steps, config.continued_scale, serving.decay_from)
        self.loops = ContinuedLoops(
            EncoderStart(networks, objective),
            Adam(schedule, betas=(0.9, 0.99)),
            self._balanced,
            draw=lambda: LongTask(self.source.task_source.draw(), self.source),
            join=join_renders,
            steps=config.continued_steps,
            in_flight=config.continued_in_flight,
            batch=config.continued_batch,
            support_weight=config.support_weight,
            discount=config.continued_discount,
            adapt=config.adapt,
            rng=rng,
        )

    @property
    def renders(self) -> int:
        """Pictures rendered in one outer step."""
        return 2 * self.config.continued_batch + self.config.batch

    def fill(self) -> None:
        """Fill the pool of style works up; the photos' is full."""
        while (missing := self.config.styles_in_pool - len(self.samples.styles)) > 0:
            self.samples.styles.refresh(min(16, missing))

    def loss(self, progress: float = 0.0) -> dict[str, Tensor]:
        """One outer step's losses; ``total`` is what to minimise."""
        outcome = self.loops.meta_loss()
        self.samples.prepare()
        sampled = self.samples.loss(self.networks)
        share = self.config.batch / self.renders
        return {
            "total": (1 - share) * outcome.loss + share * sampled["total"],
            "support": torch.stack(outcome.support).mean(),
            "query": torch.stack(list(outcome.query.values())).mean(),
            **{
                f"sample_{name}": sampled[name]
                for name in ("moments", "covariance", "mobile", "content", "total")
            },
        }

    def _balanced(self, params: Params, batch: RenderBatch) -> Tensor:
        """The logarithm of each task's loss (B,), in units of a usual loss.

        Losses of styles differ tenfold. A task is met again and again while it is under way, and a loud one
        would rule the outer steps for that long.
        """
        return USUAL_LOSS * self.source.loss(params, batch).log()

    def close(self) -> None:
        """End the threads that crop ahead."""
        self.source.close()
        self.samples.close()


def join_renders(parts: Sequence[RenderBatch]) -> RenderBatch:
    """Batches side by side."""
    return RenderBatch(
        join_photos([part.photos for part in parts]), concatenate([part.target for part in parts])
    )
