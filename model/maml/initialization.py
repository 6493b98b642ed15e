"""Gives phi_0: a module's own weights, or what a network makes of the support set."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from model.maml.params import expand_tasks, select_names
from model.maml.task import Params, Task


class Start(nn.Module, ABC):
    """Task -> phi_0, with gradients to the start's own parameters.

    Subclass it for a start that depends on the task: a hypernetwork that predicts phi_0 from
    ``batch_at(task.support, 0)`` with a leading task dimension when ``task.size`` is not None.
    """

    @property
    @abstractmethod
    def shapes(self) -> Mapping[str, torch.Size]:
        """Shape of every adapted tensor, without the task dimension."""

    @abstractmethod
    def forward(self, task: Task[Any, Any]) -> Params:
        """phi_0 of one task, or (B, ...) of ``task.size`` tasks."""


class ModuleStart(Start):
    """The module's own weights, the same for every task.

    Args:
        module: meta-learned; its forward is never called here, and its weights are never changed.
        adapt: shell-style patterns of the parameters that the inner loop adapts (None: all).

    Raises:
        ParameterNameError: a pattern matches no parameter.
    """

    def __init__(self, module: nn.Module, adapt: Sequence[str] | None = None) -> None:
        super().__init__()
        self.module = module
        self._names = select_names((name for name, _ in module.named_parameters()), adapt)

    @property
    def adapts_all(self) -> bool:
        """Every parameter of the module is adapted."""
        return len(self._names) == len(list(self.module.named_parameters()))

    def _params(self) -> dict[str, Tensor]:
        own = dict(self.module.named_parameters())
        return {name: own[name] for name in self._names}

    @property
    def shapes(self) -> Mapping[str, torch.Size]:
        return {name: value.shape for name, value in self._params().items()}

    def forward(self, task: Task[Any, Any]) -> Params:
        return expand_tasks(self._params(), task.size)
