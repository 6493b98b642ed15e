"""First-order MAML whose inner loops go on from one outer step to the next.

An inner loop of K steps costs K gradients before its query loss can be asked for; with K of a dozen, an
outer loop that starts every task anew takes few outer steps. Here many tasks are *in flight*: each has its
phi_k and the state of its inner optimiser. An outer step takes a few of them, evaluates the query loss at
phi_k, and moves phi_k one inner step further on its support set, both in one pass forward and backward. A
task that has made its K steps makes room for a new one. Over time the query losses are those of MAML++'s
multi-step loss (Antoniou et al. 2019) with equal weights, at one K-th of the price.

The gradient is that of first-order MAML (Finn et al. 2017, section 5.2): the query gradient at phi_k is
taken as the gradient at phi_0, and reaches the start through ``Start.forward``. Two things are approximate:
phi_k was reached with the shared weights of up to K visits ago, and d phi_k / d phi_0 is taken as the
identity. The second is ever less true as k grows: an inner loop that converges forgets where it began, and a
start that is pulled by what it cannot change drifts away. So the pull is discounted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from model.maml.errors import LearnerError
from model.maml.initialization import Start
from model.maml.inner_optimizers import State, UpdateRule
from model.maml.learner import MetaLoss, _one_loss_a_task
from model.maml.params import detach, leaves, select_names
from model.maml.task import LossFn, Params, Task, batch_at

Join = Callable[[Sequence[Any]], Any]
"""Batches of tasks of size 1 -> one batch of all of them side by side, in their order."""


@dataclass(eq=False)  # a task under way is itself alone
class InFlight:
    """A task of size 1 under way: phi after ``step`` updates, detached, and the optimiser's state."""

    task: Task[Any, Any]
    params: dict[str, Tensor]
    state: State
    step: int = 0


class ContinuedLoops(nn.Module):
    """Inner loops under way, and the outer loss of some of them.

    Args:
        start: where phi_0 comes from; trained.
        rule: the inner optimiser. Its rates are taken as they are: one step of lookahead would teach them
            to be timid (Wu et al. 2018, "short-horizon bias").
        loss_fn: of B tasks side by side, (B,).
        draw: a new task of size 1.
        join: puts batches side by side.
        steps: inner steps of a task, K.
        in_flight: tasks under way.
        batch: tasks that an outer step takes.
        support_weight: what the support losses count for the shared weights beside the query losses; above
            0, since the inner step's gradient comes from the same pass. Phi's own steps do not depend on it.
        discount: the query gradient at phi_k counts for the start by this to the power of k; 1 is FOMAML.
        adapt: shell-style patterns of the tensors of phi that the inner loop updates (None: all).
        rng: chooses which tasks an outer step takes.

    Raises:
        LearnerError: a number out of range.
    """

    def __init__(
        self,
        start: Start,
        rule: UpdateRule,
        loss_fn: LossFn,
        *,
        draw: Callable[[], Task[Any, Any]],
        join: Join,
        steps: int,
        in_flight: int,
        batch: int,
        support_weight: float = 0.5,
        discount: float = 0.5,
        adapt: Sequence[str] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__()
        if steps < 1 or not 1 <= batch <= in_flight or not support_weight > 0 or not 0 <= discount <= 1:
            raise LearnerError(
                f"steps {steps} and the support's weight {support_weight:g} must be positive, a batch of "
                f"{batch} at most the {in_flight} tasks in flight, and the discount {discount:g} in [0, 1]"
            )
        self.start, self.rule, self.loss_fn = start, rule, loss_fn
        self.draw, self.join = draw, join
        self.steps, self.in_flight, self.batch = steps, in_flight, batch
        self.support_weight, self.discount = support_weight, discount
        self.adapted = select_names(start.shapes, adapt)
        self.rng = rng or random.Random(0)
        self.loops: list[InFlight] = []
        self._pending: list[tuple[InFlight, dict[str, Tensor]]] = []

    def meta_loss(self) -> MetaLoss:
        """The outer loss of the next tasks; call ``backward()`` on ``loss`` before the next call.

        ``query`` and ``support`` of the outcome are () and detached: means over the tasks of this call, by
        the number of inner steps that they have made (support: in the order in which they were taken).
        """
        self._advance()
        self._fill()
        chosen = self.rng.sample(self.loops, self.batch)
        reached = [self._reached(loop) for loop in chosen]
        moving = [leaves(loop.params) for loop in chosen]
        batches = [batch_at(loop.task.support, loop.step) for loop in chosen]
        batches += [batch_at(loop.task.query, loop.step) for loop in chosen]
        loss_fn = _one_loss_a_task(self.loss_fn, len(batches))
        losses = loss_fn(_side_by_side([*moving, *reached]), self.join(batches))
        support, query = losses[: self.batch], losses[self.batch :]
        self._pending = list(zip(chosen, moving, strict=True))
        by_step: dict[int, list[Tensor]] = {}
        for loop, loss in zip(chosen, query.detach(), strict=True):
            by_step.setdefault(loop.step, []).append(loss)
        return MetaLoss(
            query.mean() + self.support_weight * support.mean(),
            {step: torch.stack(found).mean() for step, found in by_step.items()},
            list(support.detach()),
        )

    def _fill(self) -> None:
        """Begin tasks until enough are under way."""
        while len(self.loops) < self.in_flight:
            task = self.draw()
            with torch.no_grad():
                params = detach(self.start(task))
            own = {name: params[name] for name in self.adapted}
            self.loops.append(InFlight(task, params, self.rule.init(own)))

    def _reached(self, loop: InFlight) -> dict[str, Tensor]:
        """phi_k, whose gradient goes to the start as if it were phi_0: discounted where the loop moves it."""
        begun: Params = self.start(loop.task)
        pull = dict.fromkeys(self.adapted, self.discount**loop.step)
        return {
            name: loop.params[name] + pull.get(name, 1.0) * (value - value.detach())
            for name, value in begun.items()
        }

    def _advance(self) -> None:
        """The inner steps whose gradients the last backward pass has left in the leaves."""
        scale = self.batch / self.support_weight  # the loss was a weighted mean over the batch
        for loop, moved in self._pending:
            grads = {name: _grad(moved[name]) * scale for name in self.adapted}
            if not all(bool(torch.isfinite(grad).all()) for grad in grads.values()):
                self.loops.remove(loop)  # a rare overflow: the task begins no further step
                continue
            own = {name: loop.params[name] for name in self.adapted}
            with torch.no_grad():
                updated, loop.state = self.rule.step(own, grads, loop.state, loop.step, batched=True)
            loop.params = {**loop.params, **detach(updated)}
            loop.step += 1
            if loop.step >= self.steps:
                self.loops.remove(loop)
        self._pending = []


def _grad(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _side_by_side(many: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([params[name] for params in many]) for name in many[0]}
