"""The meta-learner of one level, and of all of them: what the outer loop trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.image.losses.level_loss import LEVEL_WEIGHTS, Target, level_loss
from model.image.losses.objective import Objective
from model.image.network.networks import Networks
from model.image.rendering.redrawing import revised
from model.image.training.style_tasks import StyleTask
from model.maml import GradientLearner, MetaLoss, Params, Start, Task


@dataclass(frozen=True)
class Renders:
    """What B styles draw on, N photos each, and what the renders are compared with: samples (B N)."""

    inputs: Tensor  # (B N, 3, H, W)
    target: Target


class LevelTask(Task[Renders, Renders]):
    """B styles side by side at one level."""

    level: int
    styles: Sequence[StyleTask]

    def __init__(self, level: int, styles: Sequence[StyleTask], support: object, query: object) -> None:
        super().__init__(support=support, query=query, size=len(styles))  # type: ignore[arg-type]
        object.__setattr__(self, "level", level)
        object.__setattr__(self, "styles", styles)


class EncoderStart(Start):
    """phi_0 of a level: what the encoder predicts from the examples."""

    def __init__(self, networks: Networks, level: int, shapes: Mapping[str, torch.Size]) -> None:
        super().__init__()
        self.networks, self.level = networks, level
        self._shapes = shapes

    @property
    def shapes(self) -> Mapping[str, torch.Size]:
        return self._shapes

    def forward(self, task: Task[Renders, Renders]) -> Params:
        assert isinstance(task, LevelTask)
        encoder = self.networks.encoder
        embedded = [
            encoder.embed_descriptions(style.descriptions(self.level), self.level).mean(0, keepdim=True)
            for style in task.styles
        ]
        return encoder.decode(torch.cat(embedded), self.level)


class RenderLoss:
    """(phi of B styles, their renders) -> (B,)."""

    def __init__(self, networks: Networks, objective: Objective, level: int) -> None:
        self.networks, self.objective, self.level = networks, objective, level

    def __call__(self, phi: Params, batch: Renders) -> Tensor:
        styles = len(next(iter(phi.values())))
        count = len(batch.inputs) // styles
        each = {name: value.repeat_interleave(count, 0) for name, value in phi.items()}
        with self.objective.autocast():
            renders = self.networks(batch.inputs, each)
        renders = revised(batch.inputs, renders, self.level)
        losses = level_loss(self.objective, LEVEL_WEIGHTS[self.level], renders, batch.target)
        return losses.view(styles, count).mean(1)


class LevelsLearner(nn.Module):
    """The learners of all levels as one: a task goes to that of its level."""

    def __init__(self, learners: Sequence[GradientLearner]) -> None:
        super().__init__()
        self.learners = nn.ModuleList(learners)

    @property
    def rule(self) -> nn.Module:
        """The inner optimisers, whose rates the outer loop may learn at a rate of their own."""
        return nn.ModuleList([self._of(level).rule for level in range(len(self.learners))])

    def meta_backward(
        self, task: Task[Renders, Renders], *, scale: float = 1.0, progress: float = 1.0
    ) -> MetaLoss:
        """``MetaLearner.meta_backward`` of the task's level."""
        assert isinstance(task, LevelTask)
        return self._of(task.level).meta_backward(task, scale=scale, progress=progress)

    def _of(self, level: int) -> GradientLearner:
        learner = self.learners[level]
        assert isinstance(learner, GradientLearner)
        return learner
