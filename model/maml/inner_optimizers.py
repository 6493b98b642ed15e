"""Inner optimisers as differentiable pure functions: new parameters and state out, nothing in place."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from model.maml.errors import LearnerError
from model.maml.learning_rates import Rates
from model.maml.task import Params

State = Mapping[str, Params]
"""What a rule remembers between steps: name of the quantity -> one tensor for each parameter."""


class UpdateRule(nn.Module, ABC):
    """An inner optimiser. Its own parameters (learned rates) belong to the outer loop.

    Args:
        rates: the learning rate of each tensor at each step.
    """

    def __init__(self, rates: Rates) -> None:
        super().__init__()
        self.rates = rates

    def init(self, params: Params) -> State:
        """The state before the first step."""
        return {}

    @abstractmethod
    def step(
        self, params: Params, grads: Params, state: State, step: int, *, batched: bool
    ) -> tuple[dict[str, Tensor], State]:
        """One update. ``batched``: tensors carry a leading task dimension, and tasks must not mix."""


class SGD(UpdateRule):
    """phi <- phi - alpha v, with v <- momentum v + grad."""

    def __init__(self, rates: Rates, *, momentum: float = 0.0) -> None:
        super().__init__(rates)
        self.momentum = _fraction("momentum", momentum)

    def init(self, params: Params) -> State:
        return {"velocity": _zeros(params)} if self.momentum else {}

    def direction(self, grad: Tensor, *, batched: bool) -> Tensor:
        """What takes the place of the gradient; the same shape."""
        return grad

    def step(
        self, params: Params, grads: Params, state: State, step: int, *, batched: bool
    ) -> tuple[dict[str, Tensor], State]:
        directions = {name: self.direction(grad, batched=batched) for name, grad in grads.items()}
        if self.momentum:
            velocity = state["velocity"]
            directions = {name: self.momentum * velocity[name] + v for name, v in directions.items()}
            state = {"velocity": directions}
        return {name: p - self.rates(name, step) * directions[name] for name, p in params.items()}, state


class NormalizedSGD(SGD):
    """SGD on the gradient divided by its root mean square, tensor by tensor and task by task.

    The rate is then the typical change of one entry in one step, whatever the scale of the loss, the size
    of the tensor or the difficulty of the task. ``eps`` (in units of the gradient) keeps the quotient and
    its derivative finite where the gradient vanishes.
    """

    def __init__(self, rates: Rates, *, momentum: float = 0.0, eps: float = 1e-8) -> None:
        super().__init__(rates, momentum=momentum)
        self.eps = eps

    def direction(self, grad: Tensor, *, batched: bool) -> Tensor:
        dims = tuple(range(int(batched), grad.ndim))
        square = grad.square()
        mean_square = square.mean(dims, keepdim=True) if dims else square
        return grad * (mean_square + self.eps**2).rsqrt()


class Adam(UpdateRule):
    """Adam (Kingma & Ba 2015) with the epsilon inside the root: m / sqrt(v + eps^2).

    With the epsilon outside, the derivative at a gradient of zero is infinite, and the outer gradient of a
    dead unit would be undefined.
    """

    def __init__(self, rates: Rates, *, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> None:
        super().__init__(rates)
        self.betas = _fraction("betas[0]", betas[0]), _fraction("betas[1]", betas[1])
        self.eps = eps

    def init(self, params: Params) -> State:
        return {"mean": _zeros(params), "square": _zeros(params)}

    def step(
        self, params: Params, grads: Params, state: State, step: int, *, batched: bool
    ) -> tuple[dict[str, Tensor], State]:
        beta1, beta2 = self.betas
        mean = {k: beta1 * state["mean"][k] + (1 - beta1) * g for k, g in grads.items()}
        square = {k: beta2 * state["square"][k] + (1 - beta2) * g.square() for k, g in grads.items()}
        correct1, correct2 = 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)
        updated = {
            k: p - self.rates(k, step) * (mean[k] / correct1) * (square[k] / correct2 + self.eps**2).rsqrt()
            for k, p in params.items()
        }
        return updated, {"mean": mean, "square": square}


def _zeros(params: Params) -> dict[str, Tensor]:
    return {name: torch.zeros_like(value) for name, value in params.items()}


def _fraction(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise LearnerError(f"{name} must be in [0, 1), not {value}")
    return value
