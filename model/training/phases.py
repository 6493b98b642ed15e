"""The phases of a run: what each one minimises, for how long, and which part of a schedule it is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor, nn

from model.checkpoint import phi_shapes, rates_table
from model.inner_rates import stored_rates
from model.maml import Order
from model.training.config import TrainingConfig
from model.training.continued import ContinuedTraining
from model.training.distill import TeacherPairs, distill_loss
from model.training.meta import FELL_BACK, MetaTraining
from model.training.pretrain import Pretraining

if TYPE_CHECKING:
    from model.training.run import Run


@dataclass
class Job:
    """One phase at work.

    ``prepare`` does the host's part of a step at a position in the schedule (0..1), and returns the key of
    its graph (see ``RecordedStep``); ``loss`` takes the position and returns the terms, ``total`` among them;
    ``modules`` are trained beside the networks and the critic; ``renders`` is the number of pictures
    rendered in one step; ``rescue`` changes something after undefined gradients and says what.
    """

    loss: Callable[[float], dict[str, Tensor]]
    renders: int
    modules: dict[str, nn.Module] = field(default_factory=dict)
    prepare: Callable[[float], Hashable] = lambda done: None
    rates: Callable[[], dict[str, Tensor]] = dict
    rescue: Callable[[], str | None] = lambda: None
    close: Callable[[], None] = lambda: None


@dataclass
class Phase:
    """A stretch of training; several of one kind share one schedule, each with its ``span`` of it."""

    name: str
    minutes: float
    lr: float
    make_job: Callable[[list[str]], Job]  # from the notes of the run so far
    rates: dict[str, float] = field(default_factory=dict)  # peak rates of modules that differ from ``lr``
    span: tuple[float, float] = (0.0, 1.0)
    average_decay: float = 0.999  # of the averaged weights, a step

    def position(self, done: float) -> float:
        """Share of the schedule at a share of this phase."""
        begin, end = self.span
        return begin + (end - begin) * min(1.0, done)


Span = tuple[float, float]
META_AVERAGE = 0.99  # an outer step takes ten times as long as one of pre-training


def distill_phase(
    run: Run, config: TrainingConfig, *, name: str = "distill", span: Span = (0.0, 1.0)
) -> Phase:
    """Phase 0: nothing without a teacher."""

    def make(notes: list[str]) -> Job:
        pairs = TeacherPairs(config, run.objective, run.rng)
        return Job(
            lambda done: distill_loss(run.networks, run.objective, pairs.batch(config.batch)), config.batch
        )

    return Phase(name, config.distill_minutes if config.teacher else 0.0, 2e-3, make, span=span)


def pretrain_phase(
    run: Run, config: TrainingConfig, *, name: str = "pretrain", span: Span = (0.0, 1.0)
) -> Phase:
    """Phase 1: the zero-step style."""

    def make(notes: list[str]) -> Job:
        job = Pretraining(config, run.objective, run.rng, critic=run.critic)
        job.fill()
        return Job(
            lambda done: job.loss(run.networks),
            config.batch,
            prepare=lambda done: job.prepare(),
            close=job.close,
        )

    return Phase(name, config.pretrain_minutes, config.lr, make, {"critic": config.critic_lr}, span)


def meta_phase(run: Run, config: TrainingConfig, *, name: str = "meta", span: Span = (0.0, 1.0)) -> Phase:
    """Phase 2: the inner loop."""

    def make(notes: list[str]) -> Job:
        job = MetaTraining(config, run.networks, run.objective, run.rng, critic=run.critic)
        if any(note.endswith(FELL_BACK) for note in notes):  # in an earlier call
            job.highest_order = Order.FIRST
        names = job.learner.adapted
        return Job(
            job.meta_loss,
            job.renders,
            job.modules,
            prepare=job.prepare,
            rates=lambda: rates_table(job.rates, names, config.meta_steps),
            rescue=job.fall_back,
            close=job.close,
        )

    rates = {"rates": config.rates_lr, "critic": config.critic_lr}
    return Phase(name, config.meta_minutes, config.meta_lr, make, rates, span, META_AVERAGE)


def continued_phase(
    run: Run, config: TrainingConfig, *, name: str = "continued", span: Span = (0.0, 1.0)
) -> Phase:
    """Phase 3: long inner loops, with the rates that were learned before."""

    def make(notes: list[str]) -> Job:
        if run.critic is not None:
            raise ValueError("phase 3 has no critic: train it without `critic`, or without phase 3")
        rates = stored_rates(phi_shapes(run.networks), run.learned_rates, config.inner_lr).to(run.device)
        job = ContinuedTraining(config, run.networks, run.objective, run.rng, rates)
        job.fill()
        return Job(job.loss, job.renders, close=job.close)

    return Phase(name, config.continued_minutes, config.continued_lr, make, span=span)


def usual_phases(run: Run) -> list[Phase]:
    """Distillation (with a teacher), pre-training, meta-training, long loops: each in one piece."""
    make = (distill_phase, pretrain_phase, meta_phase, continued_phase)
    return [phase(run, run.config) for phase in make]
