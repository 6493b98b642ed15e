"""Holds inner learning rates: fixed, or learned in the outer loop and kept positive by their logarithm."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum

import torch
from torch import Tensor, nn

from model.maml.errors import LearnerError, ParameterNameError


class Granularity(StrEnum):
    """What has a learning rate of its own."""

    GLOBAL = "global"
    TENSOR = "tensor"
    TENSOR_STEP = "tensor-step"  # MAML++ (Antoniou et al. 2019), "LSLR"
    PARAMETER = "parameter"  # Meta-SGD (Li et al. 2017)


class Rates(nn.Module, ABC):
    """The inner learning rate of each tensor at each step. Subclass it for a schedule over other rates."""

    @abstractmethod
    def forward(self, name: str, step: int) -> Tensor:
        """The rate of tensor ``name`` at ``step``: (), or the shape of one task's tensor."""


class LearningRates(Rates):
    """One positive rate for each thing that ``granularity`` names.

    Args:
        shapes: shape of every adapted tensor, without the task dimension.
        lr: the initial rate, or one for each tensor.
        granularity: what has a rate of its own.
        steps: number of steps with rates of their own (TENSOR_STEP); later steps use the last column.
        learned: rates are ``nn.Parameter`` and get outer gradients; otherwise they are buffers.

    Meta-SGD as published lets a rate turn negative; here it cannot, as its logarithm is learned.
    """

    def __init__(
        self,
        shapes: Mapping[str, torch.Size],
        lr: float | Mapping[str, float],
        *,
        granularity: Granularity = Granularity.GLOBAL,
        steps: int = 1,
        learned: bool = False,
    ) -> None:
        super().__init__()
        granularity = Granularity(granularity)  # a plain string will do
        initial = dict(lr) if isinstance(lr, Mapping) else dict.fromkeys(shapes, lr)
        if set(initial) != set(shapes):
            raise ParameterNameError(f"rates for {sorted(initial)}, but parameters {sorted(shapes)}")
        if any(not rate > 0 or math.isinf(rate) for rate in initial.values()) or steps < 1:
            raise LearnerError("learning rates must be positive and finite, and steps at least 1")
        if granularity is Granularity.GLOBAL and len(set(initial.values())) > 1:
            raise LearnerError("one global rate cannot have several values: choose the granularity 'tensor'")
        self.granularity = granularity
        self._row = {name: 0 if granularity is Granularity.GLOBAL else i for i, name in enumerate(shapes)}
        if granularity is Granularity.PARAMETER:
            logs = [torch.full(shapes[name], math.log(initial[name])) for name in shapes]
        else:
            rows = [math.log(initial[name]) for name in shapes]
            table = torch.tensor(rows[:1] if granularity is Granularity.GLOBAL else rows)
            logs = [table[:, None].repeat(1, steps if granularity is Granularity.TENSOR_STEP else 1)]
        self._logs: list[str] = []
        for i, log in enumerate(logs):
            self._logs.append(f"log_rate_{i}" if granularity is Granularity.PARAMETER else "log_rates")
            if learned:
                self.register_parameter(self._logs[-1], nn.Parameter(log))
            else:
                self.register_buffer(self._logs[-1], log)

    def forward(self, name: str, step: int) -> Tensor:
        """The rate of tensor ``name`` at ``step``: (), or the tensor's own shape (PARAMETER)."""
        if name not in self._row:
            raise ParameterNameError(f"no learning rate for {name!r}; known: {', '.join(self._row)}")
        row = self._row[name]
        if self.granularity is Granularity.PARAMETER:
            log: Tensor = getattr(self, self._logs[row])
        else:
            table: Tensor = getattr(self, self._logs[0])
            log = table[row, min(step, table.shape[1] - 1)]
        return log.exp()

    @torch.no_grad()
    def set(self, name: str, rates: Tensor) -> None:
        """Give tensor ``name`` the rates (steps,) of its steps (TENSOR_STEP)."""
        if self.granularity is not Granularity.TENSOR_STEP or name not in self._row:
            raise ParameterNameError(f"{name!r} has no rate of its own for each step")
        table: Tensor = getattr(self, self._logs[0])
        table[self._row[name]] = rates.log()

    def extra_repr(self) -> str:
        return f"{len(self._row)} tensors, per {self.granularity.value}"
