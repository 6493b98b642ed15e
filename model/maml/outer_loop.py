"""Moves the start down the meta-loss: Adam with a cosine rate and clipping, resumable."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from model.maml.errors import LearnerError, NonFiniteLossError
from model.maml.learner import MetaLoss
from model.maml.task import Task


class Learner(Protocol):
    """What the outer loop moves: a ``MetaLearner``, or several as one."""

    @property
    def rule(self) -> nn.Module:
        """The inner optimiser: its parameters are learned rates."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Everything that is trained."""

    def meta_backward(self, task: Task[Any, Any], *, scale: float, progress: float) -> MetaLoss:
        """See ``MetaLearner.meta_backward``."""


@dataclass(frozen=True)
class OuterConfig:
    """The outer loop's settings."""

    steps: int  # outer steps in all: the length of the cosine, and what ``progress`` is measured against
    lr: float = 1e-3  # Adam's initial rate
    final_lr: float = 1e-5  # at the end of the cosine
    rates_lr: float | None = None  # initial rate for the learned inner rates (their logarithms); None: lr
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float | None = 10.0  # largest norm of the whole gradient; None: no clipping
    max_skipped: int = 20  # undefined gradients in a row before giving up


@dataclass(frozen=True)
class OuterStep:
    """One outer step.

    Attributes:
        step: outer steps taken, this one included.
        loss: mean meta-loss over the tasks.
        grad_norm: norm of the whole gradient before clipping.
        lr: rate that was used.
        skipped: the gradient was undefined, so nothing moved.
        tasks: the outcome of each task of ``step()``, without graphs.
    """

    step: int
    loss: float
    grad_norm: float
    lr: float
    skipped: bool
    tasks: list[MetaLoss]


class OuterLoop:
    """Moves ``learner.parameters()`` down the meta-loss.

    Args:
        learner: any meta-learner, or several as one.
        config: rates, length, clipping.
        context: entered around each task, for instance ``lambda: torch.autocast("cuda", torch.bfloat16)``.
    """

    def __init__(
        self,
        learner: Learner,
        config: OuterConfig,
        *,
        context: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        if config.steps < 1:
            raise LearnerError("the outer loop needs at least one step")
        self.learner = learner
        self.config = config
        self._context = context
        rates = [p for p in learner.rule.parameters() if p.requires_grad]
        known = {id(p) for p in rates}
        others = [p for p in learner.parameters() if p.requires_grad and id(p) not in known]
        rates_lr = config.lr if config.rates_lr is None else config.rates_lr
        groups = [{"params": others, "peak": config.lr}, {"params": rates, "peak": rates_lr}]
        self._optimizer = torch.optim.Adam(
            [group for group in groups if group["params"]], lr=config.lr, betas=config.betas
        )
        self._params = others + rates
        self.steps_done = 0
        self._skipped = 0

    @property
    def progress(self) -> float:
        """0 at the start, 1 from the last planned step on."""
        return min(1.0, self.steps_done / max(1, self.config.steps - 1))

    def step(self, tasks: Iterable[Task[Any, Any]], *, progress: float | None = None) -> OuterStep:
        """One outer step on the mean meta-loss of ``tasks``, one backward pass a task (or batch of tasks).

        ``progress``: where the training is, 0 .. 1, when it ends by the clock; None: by ``config.steps``.

        Raises:
            LearnerError: no tasks.
            NonFiniteLossError: undefined gradients in more than ``max_skipped`` steps in a row.
        """
        tasks = list(tasks)
        if not tasks:
            raise LearnerError("an outer step needs at least one task")
        at = self.progress if progress is None else progress
        lr = self._set_rates(at)
        self._optimizer.zero_grad(set_to_none=True)
        outcomes: list[MetaLoss] = []
        for task in tasks:
            with self._context():
                outcomes.append(self.learner.meta_backward(task, scale=1 / len(tasks), progress=at))
        limit = math.inf if self.config.clip_norm is None else self.config.clip_norm
        norm = float(torch.nn.utils.clip_grad_norm_(self._params, limit))
        skipped = not math.isfinite(norm)
        if skipped:
            self._skipped += 1
            if self._skipped > self.config.max_skipped:
                raise NonFiniteLossError(
                    f"undefined gradients in {self._skipped} outer steps in a row: lower the learning rates"
                )
        else:
            self._skipped = 0
            self._optimizer.step()
        self.steps_done += 1
        loss = float(torch.stack([outcome.loss for outcome in outcomes]).mean())
        return OuterStep(self.steps_done, loss, norm, lr, skipped, outcomes)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the learner's own weights: optimiser and counters."""
        return {"optimizer": self._optimizer.state_dict(), "steps_done": self.steps_done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was taken; the learner's weights must be loaded too."""
        self._optimizer.load_state_dict(state["optimizer"])
        self.steps_done = int(state["steps_done"])

    def _set_rates(self, progress: float) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * progress))
        for group in self._optimizer.param_groups:
            floor = min(self.config.final_lr, group["peak"])
            group["lr"] = floor + (group["peak"] - floor) * fall
        lr: float = self._optimizer.param_groups[0]["lr"]
        return lr
