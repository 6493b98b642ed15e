"""Handles dictionaries of parameters with pure functions."""

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from model.maml.errors import LossShapeError, ParameterNameError
from model.maml.task import LossFn, Params


def select_names(names: Iterable[str], patterns: Sequence[str] | None) -> list[str]:
    """The names that match one of the shell-style ``patterns`` (None: all), in their own order.

    Raises:
        ParameterNameError: a pattern matches nothing.
    """
    names = list(names)
    if patterns is None:
        return names
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ParameterNameError(f"no parameter matches {pattern!r}; there are: {', '.join(names)}")
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def detach(params: Params) -> dict[str, Tensor]:
    """The same values without their history (no copy)."""
    return {name: value.detach() for name, value in params.items()}


def leaves(params: Params) -> dict[str, Tensor]:
    """The same values as new leaves that require a gradient (no copy)."""
    return {name: value.detach().requires_grad_() for name, value in params.items()}


def expand_tasks(params: Params, size: int | None) -> dict[str, Tensor]:
    """Share parameters among ``size`` tasks: (...) -> (size, ...), as views. None: unchanged."""
    if size is None:
        return dict(params)
    return {name: value.expand(size, *value.shape) for name, value in params.items()}


def task_at(params: Params, index: int) -> dict[str, Tensor]:
    """The parameters of one task out of a batch: (B, ...) -> (...)."""
    return {name: value[index] for name, value in params.items()}


def stack_tasks(many: Sequence[Params]) -> dict[str, Tensor]:
    """Put single tasks side by side: B times (...) -> (B, ...)."""
    return {name: torch.stack([params[name] for params in many]) for name in many[0]}


def take_tasks(params: Params, tasks: Sequence[int]) -> dict[str, Tensor]:
    """Some tasks out of a batch: (B, ...) -> (len(tasks), ...)."""
    return {name: value[list(tasks)] for name, value in params.items()}


def where_tasks(mask: Tensor, yes: Params, no: Params) -> dict[str, Tensor]:
    """Choose task by task. ``mask``: boolean, () for one task or (B,) for a batch."""
    return {
        name: torch.where(mask.reshape(mask.shape + (1,) * (value.ndim - mask.ndim)), value, no[name])
        for name, value in yes.items()
    }


def check_loss(loss: Tensor, params: Params) -> Tensor:
    """``loss`` in at least single precision, after checking that it is () or (B,).

    Raises:
        LossShapeError: any other shape, or parameters without the task dimension of the loss.
    """
    if loss.ndim > 1:
        raise LossShapeError(f"a loss must be a scalar or one number a task, not {tuple(loss.shape)}")
    if loss.ndim == 1:
        for name, value in params.items():
            if value.ndim == 0 or value.shape[0] != loss.shape[0]:
                raise LossShapeError(
                    f"the loss has {loss.shape[0]} tasks, but {name!r} is {tuple(value.shape)}, without them "
                    "as its leading dimension; return a scalar for one task"
                )
    return loss.float() if loss.dtype in (torch.float16, torch.bfloat16) else loss


def module_loss(module: nn.Module, criterion: Callable[[Any, Any], Tensor]) -> LossFn:
    """The loss of a supervised module as a pure function of parameters and a batch ``(inputs, targets)``.

    Parameters that are not among phi are the module's own, with their gradients. Buffers are copied
    at every call, so that running statistics of the module never change.
    """

    def loss(params: Params, batch: Any) -> Tensor:
        inputs, targets = batch
        buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
        return criterion(functional_call(module, {**buffers, **params}, (inputs,)), targets)

    return loss


def vectorized(loss_fn: LossFn) -> LossFn:
    """The loss of one task as the loss of B tasks: phi and batch get a leading B, the result is (B,)."""
    batched: LossFn = torch.vmap(loss_fn, in_dims=(0, 0), randomness="different")
    return batched
