"""Runs the inner loops of one or many adaptations, level by level, with all renders in one pass.

Every task draws from generators of its own, so it sees the same photos in company as alone; what differs is
the rounding of sums in other orders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.errors import AdaptationCanceled
from model.image.adaptation.inner_learning_rates import ScheduledRates
from model.image.adaptation.level_renders import RenderBatch, RenderLoss
from model.image.adaptation.support import Adaptation
from model.image.network.style_params import stack
from model.image.pyramid import REVISED_FROM, SIDES
from model.maml import Adam, InnerStep, LearningRates, Params, inner_loop, take_tasks
from model.pause import pause

BETAS = (0.9, 0.95)  # of the inner Adam


@dataclass(frozen=True)
class Adapted:
    """The outcome: the best phi of every level (a sample each), the steps they took, and their losses.

    ``losses``: of held-out photos, at each level, as shares of the zero-step style's on the same inputs.
    """

    phi: dict[str, Tensor]
    steps: int
    losses: tuple[float, ...]

    @property
    def total(self) -> float:
        """The mean over the levels: 1 for the zero-step style."""
        return sum(self.losses) / len(self.losses)


OnStep = Callable[[int, int, dict[str, Tensor], float], None]
"""(task, step of all levels together, phi of all levels, total) at step 0 and after each."""


def adapt_batch(
    tasks: Sequence[Adaptation],
    rates: Sequence[LearningRates],
    *,
    steps: int | None = None,
    on_step: OnStep | None = None,
    should_stop: Callable[[int], bool] | None = None,
) -> list[Adapted | AdaptationCanceled]:
    """Tasks of one network and one configuration in one inner loop a level, each as it would run alone.

    Args:
        rates: the inner rates of each level.
        steps: of all levels together; default: the configuration's.
        on_step: see ``OnStep``.
        should_stop: asked for each task between steps; True ends that task, and the loop goes on without it.

    Returns:
        For each task its outcome, or ``AdaptationCanceled`` (not raised).
    """
    config = tasks[0].config
    split = config.level_steps(config.steps if steps is None else steps)
    phi = [[task.start(level) for level in range(len(SIDES))] for task in tasks]
    losses = [[1.0] * len(SIDES) for _ in tasks]
    taken = [0] * len(tasks)
    outcomes: dict[int, Adapted | AdaptationCanceled] = {}
    going = list(range(len(tasks)))

    def tell(i: int, step: int) -> bool:
        """Report a task's step; whether it goes on."""
        if on_step is not None:
            on_step(i, step, stack(phi[i]), sum(losses[i]) / len(SIDES))
        if should_stop is not None and should_stop(i):
            outcomes[i] = AdaptationCanceled(f"canceled after {step} steps")
            return False
        return True

    going = [i for i in going if tell(i, 0)]
    done = 0
    for level, count in enumerate(split):
        if not going or not any(split[level:]):
            break
        for i in going:
            tasks[i].begin_level(level, phi[i][level - 1] if level > 0 else None)
        if count:
            _learn_level(tasks, rates[level], level, count, done, going, phi, losses, taken, tell)
        done += count
    for i in going:
        outcomes[i] = Adapted(stack(phi[i]), taken[i], tuple(losses[i]))
    return [outcomes[i] for i in range(len(tasks))]


def _learn_level(
    tasks: Sequence[Adaptation],
    rates: LearningRates,
    level: int,
    steps: int,
    done: int,
    going: list[int],
    phi: list[list[dict[str, Tensor]]],
    losses: list[list[float]],
    taken: list[int],
    tell: Callable[[int, int], bool],
) -> None:
    """One level's inner loop for the tasks that are going: writes their phi, losses and steps."""
    first = tasks[0]
    config = first.config
    starts: dict[int, float] = {}
    loss = RenderLoss(first.networks, first.objective, level)

    def judged(params: Params, step: int) -> Tensor:
        # In the middle and at the end: a judgement costs as much as half a step.
        if step not in (0, steps // 2, steps):
            return torch.full((len(going),), torch.nan, device=first.objective.device)
        pause()
        found = loss(params, RenderBatch.join([tasks[i].judges() for i in going]))
        for i, value in zip(going, found.tolist(), strict=True):
            starts.setdefault(i, value)
            losses[i][level] = min(losses[i][level], value / max(starts[i], 1e-9))
        return found

    def drawn(_step: int) -> RenderBatch:
        pause()
        return RenderBatch.join([tasks[i].draw(level) for i in going])

    def visit(at: InnerStep) -> list[int] | None:
        if at.step == 0:
            return None
        stay = []
        for position, i in enumerate(going):
            phi[i][level] = take_tasks(at.params, [position])
            if tell(i, done + at.step):
                stay.append(position)
        if len(stay) == len(going):
            return None
        going[:] = [going[position] for position in stay]
        return stay

    scale = config.rate_scale if config.rate is None else 1.0
    result = inner_loop(
        loss,
        stack([phi[i][level] for i in going]),
        drawn,
        Adam(ScheduledRates(rates, steps, scale, config.decay_from), betas=BETAS),
        steps,
        validate=judged,
        on_step=visit,
    )
    assert result.best is not None
    for position, i in enumerate(going):
        phi[i][level] = take_tasks(result.best.params, [position])
        taken[i] += int(result.best.step[position])
    if level == REVISED_FROM - 1:  # the last level that draws colours anew
        for i in going:
            colored = tasks[i].colored(level, phi[i][level])
            with torch.no_grad():
                share = float(loss(colored, tasks[i].judges())) / max(starts[i], 1e-9)
            if share <= 1:  # never worse than the start
                phi[i][level], losses[i][level] = colored, share
