"""Defines tasks (Finn et al. 2017): a support set to adapt on, a query set to be judged by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor

S = TypeVar("S")
Q = TypeVar("Q")

Params = Mapping[str, Tensor]
"""The adapted parameters (phi, the "fast weights") by name.

Of one task: each tensor has its own shape. Of a batch of B tasks: each has B as leading dimension.
"""

LossFn = Callable[[Params, Any], Tensor]
"""(phi, batch) -> a scalar for one task, or (B,) for a batch of B tasks: entry b depends on phi[b] alone."""


@dataclass(frozen=True)
class Task(Generic[S, Q]):
    """One task T_i, or B tasks side by side. The learner never looks inside ``support`` and ``query``.

    Attributes:
        support: D_train: a batch for the loss, or a callable from the inner step (0, 1, ...) to a batch,
            for supports that are drawn anew at every step.
        query: D_val: a batch, or a callable from the number of steps taken (0 .. K) to a batch.
        size: number of tasks side by side, B; None for a single task without a task dimension.
    """

    support: S | Callable[[int], S]
    query: Q | Callable[[int], Q]
    size: int | None = None


def batch_at(source: S | Callable[[int], S], step: int) -> S:
    """The batch of ``step``: ``source`` itself, or what it returns when it is a callable."""
    if callable(source):
        return source(step)
    return source
