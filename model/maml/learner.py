"""Meta-learners: from a task to a scalar whose gradient moves the start."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from model.maml.errors import LossShapeError
from model.maml.initialization import Start
from model.maml.inner_loop import InnerResult, InnerStep, Order, inner_loop
from model.maml.inner_optimizers import UpdateRule
from model.maml.params import check_loss, leaves, select_names
from model.maml.schedules import OrderSchedule, WeightSchedule
from model.maml.task import LossFn, Params, Task, batch_at


@dataclass(frozen=True)
class MetaLoss:
    """The outcome of a task (or B tasks side by side) in the outer loop.

    Attributes:
        loss: scalar, mean over the tasks; call ``backward()`` on it.
        query: query loss after so many inner steps, () or (B,), detached. What was evaluated depends on
            the algorithm.
        support: support loss before each inner step, () or (B,), detached.
    """

    loss: Tensor
    query: Mapping[int, Tensor]
    support: list[Tensor]


class MetaLearner(nn.Module, ABC):
    """A start, an inner optimiser and a loss. ``parameters()`` are what the outer loop moves.

    Args:
        start: where phi_0 comes from.
        rule: the inner optimiser; learned rates are outer parameters.
        loss_fn: the inner loss, on support batches.
        query_loss_fn: the outer loss, on query batches; None: the inner one.
        steps: default number of inner steps.
        adapt: shell-style patterns of the tensors of phi that the inner loop updates (None: all).
        shared: a module whose weights the losses use beside phi and that the outer loop trains too.
    """

    def __init__(
        self,
        start: Start,
        rule: UpdateRule,
        loss_fn: LossFn,
        *,
        steps: int,
        query_loss_fn: LossFn | None = None,
        adapt: Sequence[str] | None = None,
        shared: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.start = start
        self.rule = rule
        self.shared = shared
        self.loss_fn = loss_fn
        self.query_loss_fn = query_loss_fn or loss_fn
        self.steps = steps
        self.adapted = select_names(start.shapes, adapt)

    @abstractmethod
    def meta_loss(self, task: Task[Any, Any], *, progress: float = 1.0) -> MetaLoss:
        """The outer loss of ``task``. ``progress`` (0 .. 1) drives what is annealed over training."""

    def meta_backward(self, task: Task[Any, Any], *, scale: float = 1.0, progress: float = 1.0) -> MetaLoss:
        """Add ``scale`` times the gradient of ``meta_loss`` to every ``.grad``; the outcome has no graph.

        The same as ``meta_loss(...).loss.backward()``, with less memory where the algorithm allows it.
        """
        outcome = self.meta_loss(task, progress=progress)
        torch.autograd.backward(scale * outcome.loss)
        return MetaLoss(outcome.loss.detach(), outcome.query, outcome.support)

    def adapt(
        self,
        task: Task[Any, Any],
        *,
        steps: int | None = None,
        order: Order = Order.NONE,
        validate: Callable[[Params, int], Tensor] | None = None,
        on_step: Callable[[InnerStep], bool | None] | None = None,
        keep_trajectory: bool = False,
    ) -> InnerResult:
        """The inner loop from the learned start with the learned rule; ``inner_loop`` has the details."""
        with torch.set_grad_enabled(order is not Order.NONE):
            params = self.start(task)
        return inner_loop(
            _one_loss_a_task(self.loss_fn, task.size),
            params,
            task.support,
            self.rule,
            self.steps if steps is None else steps,
            order=order,
            adapt=self.adapted,
            validate=validate,
            on_step=on_step,
            keep_trajectory=keep_trajectory,
        )


def _one_loss_a_task(loss_fn: LossFn, size: int | None) -> LossFn:
    """``loss_fn``, refusing a loss that would mix the tasks of a batch (or split a single one)."""

    def checked(params: Params, batch: Any) -> Tensor:
        loss = check_loss(loss_fn(params, batch), params)
        expected = () if size is None else (size,)
        if loss.shape != expected:
            raise LossShapeError(
                f"a task of size {size} needs a loss of shape {expected}, not {tuple(loss.shape)}"
            )
        return loss

    return checked


class GradientLearner(MetaLearner):
    """Differentiates query losses through the inner loop: MAML, FOMAML, ANIL, Meta-SGD, MAML++.

    They differ in what is adapted (the start), the rates (the rule), the order of the derivatives and the
    steps after which the query loss counts.

    Args:
        order: order of the derivatives, by progress.
        weights: weights of the query losses by number of inner steps, by progress.
    """

    def __init__(
        self,
        start: Start,
        rule: UpdateRule,
        loss_fn: LossFn,
        *,
        steps: int,
        order: OrderSchedule,
        weights: WeightSchedule,
        query_loss_fn: LossFn | None = None,
        adapt: Sequence[str] | None = None,
        shared: nn.Module | None = None,
    ) -> None:
        super().__init__(
            start, rule, loss_fn, steps=steps, query_loss_fn=query_loss_fn, adapt=adapt, shared=shared
        )
        self.order = order
        self.weights = weights

    def meta_loss(self, task: Task[Any, Any], *, progress: float = 1.0) -> MetaLoss:
        """sum over k of w_k L_query(phi_k): eq. 1 of Finn et al. for w = {K: 1}, MAML++'s MSL otherwise."""
        weights = self.weights(progress)
        query_loss_fn = _one_loss_a_task(self.query_loss_fn, task.size)
        query: dict[int, Tensor] = {}
        terms: list[Tensor] = []

        def judge(at: InnerStep) -> None:
            if at.step in weights:
                loss = query_loss_fn(at.params, batch_at(task.query, at.step))
                query[at.step] = loss.detach()
                terms.append(weights[at.step] * loss.mean())

        result = self.adapt(task, steps=max(weights), order=self.order(progress), on_step=judge)
        return MetaLoss(torch.stack(terms).sum(), query, result.support_losses)

    def meta_backward(self, task: Task[Any, Any], *, scale: float = 1.0, progress: float = 1.0) -> MetaLoss:
        """As in the base class. First order keeps the graph of one query loss at a time, not of all.

        Each w_k L_query(phi_k) is walked back to phi_k (and to the weights beside phi) as soon as it is
        known, since nothing of the inner loop but sums connects phi_k to the start; one walk from all
        phi_k to the start ends it.
        """
        if self.order(progress) is not Order.FIRST:
            return super().meta_backward(task, scale=scale, progress=progress)
        weights = self.weights(progress)
        query_loss_fn = _one_loss_a_task(self.query_loss_fn, task.size)
        query: dict[int, Tensor] = {}
        reached: list[Tensor] = []
        pulls: list[Tensor] = []

        def judge(at: InnerStep) -> None:
            if at.step not in weights:
                return
            cut = leaves(at.params)
            loss = query_loss_fn(cut, batch_at(task.query, at.step))
            query[at.step] = loss.detach()
            torch.autograd.backward(scale * weights[at.step] * loss.mean())
            for name, value in at.params.items():
                grad = cut[name].grad
                if grad is not None and value.requires_grad:
                    reached.append(value)
                    pulls.append(grad)

        result = self.adapt(task, steps=max(weights), order=Order.FIRST, on_step=judge)
        if reached:
            torch.autograd.backward(reached, pulls)
        total = torch.stack([weights[step] * loss.mean() for step, loss in query.items()]).sum()
        return MetaLoss(total, query, result.support_losses)


class ReptileLearner(MetaLearner):
    """Reptile (Nichol et al. 2018): moves the start toward the adapted parameters.

    The pseudo-loss |phi_0 - phi_K|^2 / 2, with phi_K held constant, has the gradient phi_0 - phi_K. Plain
    outer SGD with rate epsilon is then exactly the paper's update, and a predicted start learns as well.
    There is no query loss in the gradient: give the whole data of a task as support. Learned rates and
    ``shared`` get no gradient.
    """

    def meta_loss(self, task: Task[Any, Any], *, progress: float = 1.0) -> MetaLoss:
        """sum over tensors of |phi_0 - phi_K|^2 / 2, mean over the tasks."""
        start = self.start(task)
        loss_fn = _one_loss_a_task(self.loss_fn, task.size)
        result = inner_loop(loss_fn, start, task.support, self.rule, self.steps, adapt=self.adapted)
        tasks = 1 if task.size is None else task.size
        pulls = [(start[name] - end).square().sum() for name, end in result.params.items()]
        return MetaLoss(torch.stack(pulls).sum() / (2 * tasks), {}, result.support_losses)
