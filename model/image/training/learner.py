"""Puts together the meta-learner of each level, and of all of them, for the outer loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from model.image.adaptation.level_renders import RenderBatch
from model.image.network.networks import Networks
from model.image.training.style_tasks import StyleTask
from model.maml import GradientLearner, MetaLoss, Params, Start, Task


class LevelTask(Task[RenderBatch, RenderBatch]):
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

    def forward(self, task: Task[RenderBatch, RenderBatch]) -> Params:
        assert isinstance(task, LevelTask)
        encoder = self.networks.encoder
        embedded = [encoder.embed_style(style.descriptions(self.level), self.level) for style in task.styles]
        return encoder.decode(torch.cat(embedded), self.level)


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
        self, task: Task[RenderBatch, RenderBatch], *, scale: float = 1.0, progress: float = 1.0
    ) -> MetaLoss:
        """``MetaLearner.meta_backward`` of the task's level."""
        assert isinstance(task, LevelTask)
        return self._of(task.level).meta_backward(task, scale=scale, progress=progress)

    def _of(self, level: int) -> GradientLearner:
        learner = self.learners[level]
        assert isinstance(learner, GradientLearner)
        return learner
