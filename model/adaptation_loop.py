"""The inner loop of one or many adaptations: a leading task dimension in phi, all renders in one pass.

Every task draws from generators of its own, so it sees the same photos, works and colour directions in
company as alone; what differs is the rounding of sums in other orders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from model.critic import HEAD
from model.errors import AdaptationCanceled
from model.inner_rates import ScheduledRates
from model.maml import Adam, InnerStep, LearningRates, Params, inner_loop, take_tasks
from model.perceptual.losses import LossTerms
from model.perceptual.statistics import StyleStatistics, concatenate
from model.phi import stack

if TYPE_CHECKING:
    from model.adaptation import Adaptation


@dataclass(frozen=True)
class Judgement:
    """Mean loss terms of the held-out renders."""

    style: float
    content: float
    total: float

    def as_dict(self) -> dict[str, float]:
        """Rounded, for events and headers."""
        return {
            "style": round(self.style, 5),
            "content": round(self.content, 5),
            "total": round(self.total, 5),
        }


@dataclass(frozen=True)
class Adapted:
    """The outcome: the best phi, where it was met, and the judgements of the start and of it."""

    phi: dict[str, Tensor]
    step: int
    start: Judgement
    end: Judgement


@dataclass(frozen=True)
class Renders:
    """What one task has rendered in one step, and what the renders are compared with: N photos."""

    photos: Tensor  # (N, 3, S, S)
    content: dict[str, Tensor]  # of the photos
    targets: StyleStatistics  # batch N
    directions: Tensor  # (3, P), of colours


def adapt_together(
    tasks: Sequence[Adaptation],
    rates: LearningRates,
    *,
    steps: int | None = None,
    starts: Sequence[Params] | None = None,
    on_step: Callable[[int, int, dict[str, Tensor], Judgement], None] | None = None,
    should_stop: Callable[[int], bool] | None = None,
) -> list[Adapted | AdaptationCanceled]:
    """Tasks of one network and one configuration in one inner loop, each as it would run alone.

    Args:
        starts: phi_0 of each task; default: its zero-step style.
        on_step: gets the task's position, the step, the task's phi and its latest judgement (every
            ``judge_every`` steps there is a new one).
        should_stop: asked for each task between steps; True ends that task, and the loop goes on without it.

    Returns:
        For each task its outcome, or ``AdaptationCanceled`` (not raised).
    """
    first = tasks[0]
    total = first.config.steps if steps is None else steps
    outcomes: dict[int, Adapted | AdaptationCanceled] = {}
    judgements: list[list[Judgement]] = [[] for _ in tasks]
    going = list(range(len(tasks)))  # positions of the tasks that are still in the batch

    def present() -> list[Adaptation]:
        return [tasks[i] for i in going]

    def judged(params: Params, step: int) -> Tensor:
        if step % first.config.judge_every and step < total:  # told as it was, and never the best
            for i in going:
                judgements[i].append(judgements[i][-1])
            return torch.full((len(going),), torch.nan, device=first.objective.device)
        found = judge_together(present(), params, [task.held_out() for task in present()])
        for i, each in zip(going, found, strict=True):
            judgements[i].append(each)
        return torch.tensor([each.total for each in found], device=first.objective.device)

    def support_loss(params: Params, support: list[Renders]) -> Tensor:
        terms, features = _compare(present(), params, support)
        count = len(support[0].photos)
        loss = terms.total(first.config.weights).view(-1, count).mean(1)  # (T,)
        if first.opponent is None:
            return loss
        duels = [
            task.opponent.loss(
                take_tasks(params, [i]), {k: v[i * count : (i + 1) * count] for k, v in features.items()}
            ).mean()
            for i, task in enumerate(present())
            if task.opponent is not None
        ]
        return loss + torch.stack(duels)

    def visit(at: InnerStep) -> list[int] | None:
        stay = []
        for position, i in enumerate(going):
            if on_step is not None:
                on_step(i, at.step, _phi(take_tasks(at.params, [position])), judgements[i][at.step])
            if should_stop is not None and should_stop(i):
                outcomes[i] = AdaptationCanceled(f"canceled after {at.step} steps")
            else:
                stay.append(position)
        if len(stay) == len(going):
            return None
        going[:] = [going[position] for position in stay]
        return stay

    begun = [task.start() for task in tasks] if starts is None else starts
    heads = [task.critic_head() for task in tasks]
    adapt = first.config.adapt
    scale = first.config.rate_scale if first.config.rate is None else 1.0
    schedule = ScheduledRates(rates, total, scale, first.config.decay_from)
    result = inner_loop(
        support_loss,
        stack([{**phi, **head} for phi, head in zip(begun, heads, strict=True)]),
        lambda _step: [task.draw() for task in present()],
        Adam(schedule, betas=(0.9, 0.99)),
        total,
        adapt=adapt if adapt is None or first.opponent is None else (*adapt, *HEAD),
        validate=judged,
        on_step=visit,
    )
    assert result.best is not None
    for position, i in enumerate(going):
        best = int(result.best.step[position])
        phi = _phi(take_tasks(result.best.params, [position]))
        outcomes[i] = Adapted(phi, best, judgements[i][0], judgements[i][best])
    return [outcomes[i] for i in range(len(tasks))]


def judge_together(
    tasks: Sequence[Adaptation], params: Params, renders: Sequence[Renders]
) -> list[Judgement]:
    """Mean terms of every task's renders, without gradients."""
    with torch.no_grad():
        terms, _ = _compare(tasks, params, renders)
    w = tasks[0].config.weights
    each = torch.stack([terms.style(w), terms.content, terms.total(w)]).view(3, len(tasks), -1).mean(2)
    return [Judgement(*values) for values in each.T.tolist()]


def gathered(renders: Sequence[Renders]) -> Renders:
    """T tasks' N renders as one of T N; the directions are (3, P) of one task, and (T N, 3, P) of several."""
    if len(renders) == 1:
        return renders[0]
    count = len(renders[0].photos)
    return Renders(
        torch.cat([each.photos for each in renders]),
        {k: torch.cat([each.content[k] for each in renders]) for k in renders[0].content},
        concatenate([each.targets for each in renders]),
        torch.stack([each.directions for each in renders]).repeat_interleave(count, 0),
    )


def compare_gathered(
    task: Adaptation, params: Params, renders: Renders
) -> tuple[LossTerms, dict[str, Tensor]]:
    """T styles' N renders in one pass, (T N) samples: their loss terms and feature maps.

    ``task``: any of them; the networks are those of all.
    """
    phi = _phi(params)
    count = len(renders.photos) // len(next(iter(phi.values())))
    phi = {name: value.repeat_interleave(count, 0) for name, value in phi.items()}
    with task.objective.autocast():
        rendered = task.networks(renders.photos, phi)
    return task.objective.compare(rendered, renders.targets, renders.content, renders.directions)


def _compare(
    tasks: Sequence[Adaptation], params: Params, renders: Sequence[Renders]
) -> tuple[LossTerms, dict[str, Tensor]]:
    return compare_gathered(tasks[0], params, gathered(renders))


def _phi(params: Params) -> dict[str, Tensor]:
    """The style parameters without the critic's head, which no style keeps."""
    return {name: value for name, value in params.items() if name not in HEAD}
