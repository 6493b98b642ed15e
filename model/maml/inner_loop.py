"""Takes a few gradient steps on the support set: the inner loop, a pure function of the start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor

from model.maml.errors import LearnerError
from model.maml.inner_optimizers import UpdateRule
from model.maml.params import check_loss, detach, leaves, select_names, take_tasks, where_tasks
from model.maml.task import LossFn, Params, batch_at


class Order(IntEnum):
    """How much of the inner loop the outer gradient sees."""

    NONE = 0  # nothing: for serving; the result has no history
    FIRST = 1  # the updates, with inner gradients taken as constants (FOMAML)
    SECOND = 2  # everything (MAML)


@dataclass(frozen=True)
class InnerStep:
    """What ``on_step`` gets: at step 0 (the start) and after every update.

    Attributes:
        step: number of updates made so far, 0 .. steps.
        params: phi after them; carries a graph when the order is FIRST or SECOND.
        support_loss: () or (B,), the loss that the last update went down; None at step 0. Detached.
        score: () or (B,), what ``validate`` said about ``params``; None without it. Detached.
    """

    step: int
    params: Params
    support_loss: Tensor | None
    score: Tensor | None


@dataclass(frozen=True)
class Best:
    """The best phi of each task, by ``validate``: never worse than the start.

    Attributes:
        params: detached.
        step: () or (B,), int64: after how many updates it was met.
        score: () or (B,).
    """

    params: Params
    step: Tensor
    score: Tensor


@dataclass(frozen=True)
class InnerResult:
    """The end of an inner loop.

    Attributes:
        params: phi after the last update.
        steps: number of updates made; smaller than asked for when ``on_step`` stopped the loop.
        support_losses: one for each update, before it; detached, () or (B,).
        scores: one for step 0 and for each update when ``validate`` is given, else empty.
        best: the best phi when ``validate`` is given, else None.
        trajectory: phi_0 .. phi_K when asked for, else empty.
    """

    params: Params
    steps: int
    support_losses: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)
    best: Best | None = None
    trajectory: list[Params] = field(default_factory=list)


def inner_loop(
    loss_fn: LossFn,
    params: Params,
    support: Any,
    rule: UpdateRule,
    steps: int,
    *,
    order: Order = Order.NONE,
    adapt: Sequence[str] | None = None,
    validate: Callable[[Params, int], Tensor] | None = None,
    on_step: Callable[[InnerStep], bool | Sequence[int] | None] | None = None,
    keep_trajectory: bool = False,
) -> InnerResult:
    """Adapt ``params`` to ``support``: phi_{k+1} = rule(phi_k, grad L_support(phi_k)) (Finn et al., eq. 1).

    Args:
        loss_fn: scalar for one task, (B,) for B tasks with a leading task dimension in every parameter.
            Its sum is differentiated, so the gradients of the tasks do not mix.
        params: phi_0: leaves, or the output of a network, through which outer gradients then flow.
        support: a batch, or a callable from the step (0, 1, ...) to a batch.
        rule: the inner optimiser.
        steps: number of updates.
        order: what the result remembers for the outer gradient. With NONE and FIRST no graph of a loss
            outlives its step, so memory does not grow with ``steps``.
        adapt: shell-style patterns of the tensors of phi to update (None: all); the others stay what they
            are in phi_0, and outer gradients still reach them through the loss.
        validate: lower is better, () or (B,); called without gradients at step 0 and after every update.
        on_step: called at step 0 and after every update; True ends the loop after this step. Of a batch of
            tasks it may answer with those that go on, by their present positions: the others leave the batch,
            and ``support`` must no longer hold them. What it raises goes through.
        keep_trajectory: return every phi_k.

    Raises:
        LossShapeError: see ``check_loss``.
        ParameterNameError: a pattern of ``adapt`` matches nothing, or the rule knows no rate for a name.
        LearnerError: negative steps, or inference mode (it rules out gradients).
    """
    if steps < 0:
        raise LearnerError(f"steps must not be negative, but is {steps}")
    if torch.is_inference_mode_enabled():
        raise LearnerError("the inner loop needs gradients: call it outside torch.inference_mode()")
    params = detach(params) if order is Order.NONE else dict(params)
    adapted = select_names(params, adapt)
    state = rule.init({name: params[name] for name in adapted})
    keeper = _BestKeeper(validate) if validate is not None else None
    losses: list[Tensor] = []
    trajectory: list[Params] = []

    def visit(step: int) -> bool:
        nonlocal params, state
        score = keeper.visit(params, step) if keeper is not None else None
        if keep_trajectory:
            trajectory.append(params)
        if on_step is None:
            return False
        answer = on_step(InnerStep(step, params, losses[-1] if losses else None, score))
        if answer is None or isinstance(answer, bool):
            return bool(answer)
        params = take_tasks(params, answer)
        state = {quantity: take_tasks(values, answer) for quantity, values in state.items()}
        if keeper is not None:
            keeper.take(answer)
        return not answer

    done = 0
    stop = visit(0)
    while done < steps and not stop:
        loss, at, grads = _gradients(loss_fn, params, adapted, batch_at(support, done), order)
        losses.append(loss.detach())
        with torch.set_grad_enabled(order is not Order.NONE):
            updated, state = rule.step(at, grads, state, done, batched=loss.ndim == 1)
        params = {**params, **updated}
        done += 1
        stop = visit(done)
    return InnerResult(
        params=params,
        steps=done,
        support_losses=losses,
        scores=keeper.scores if keeper is not None else [],
        best=keeper.best if keeper is not None else None,
        trajectory=trajectory,
    )


def _gradients(
    loss_fn: LossFn, params: Params, adapted: Sequence[str], batch: Any, order: Order
) -> tuple[Tensor, Params, Params]:
    """The loss, the adapted tensors and their gradients (zero where a tensor has no part in the loss)."""
    current = {name: params[name] for name in adapted}
    second = order is Order.SECOND
    if second:
        current = {k: v if v.requires_grad else v.detach().requires_grad_() for k, v in current.items()}
        at = {**params, **current}
        inputs = current
    else:  # cut off: neither the network of the start nor earlier steps are walked through
        inputs = leaves(current)
        at = {**detach(params), **inputs}
    with torch.enable_grad():
        loss = check_loss(loss_fn(at, batch), at)
        grads = torch.autograd.grad(
            loss.sum(), list(inputs.values()), create_graph=second, materialize_grads=True
        )
    _forget_casts()
    return loss, current, dict(zip(inputs, grads, strict=True))


def _forget_casts() -> None:
    # autocast keeps the low-precision copy of every leaf, and the leaf with it, until its outermost exit: the
    # phi of every step would pile up.
    if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
        torch.clear_autocast_cache()


class _BestKeeper:
    """Follows a loop and keeps, task by task, the parameters with the lowest score."""

    def __init__(self, validate: Callable[[Params, int], Tensor]) -> None:
        self._validate = validate
        self.scores: list[Tensor] = []
        self.best: Best | None = None

    def take(self, tasks: Sequence[int]) -> None:
        """Forget the other tasks."""
        if self.best is not None:
            index = list(tasks)
            best = self.best
            self.best = Best(take_tasks(best.params, tasks), best.step[index], best.score[index])

    def visit(self, params: Params, step: int) -> Tensor:
        params = detach(params)
        with torch.no_grad():
            score = check_loss(self._validate(params, step), params)
        _forget_casts()
        self.scores.append(score)
        steps = torch.full(score.shape, step, dtype=torch.int64, device=score.device)
        if self.best is None:
            self.best = Best(params, steps, score)
        else:
            old = self.best
            better = (score < old.score) | (old.score.isnan() & ~score.isnan())
            self.best = Best(
                where_tasks(better, params, old.params),
                torch.where(better, steps, old.step),
                torch.where(better, score, old.score),
            )
        return score
