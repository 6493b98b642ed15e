"""Small smooth problems in float64, where meta-gradients can be checked to many digits."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from model.maml import LossFn, MetaLearner, Params, Start, Task, batch_at, module_loss, vectorized


def network(seed: int = 0, hidden: int = 3) -> nn.Sequential:
    """A smooth network, 2 -> 1."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1)).double()


def mean_square(out: Tensor, y: Tensor) -> Tensor:
    return (out - y).square().mean()


def net_loss(net: nn.Module, *, batched: bool = False) -> LossFn:
    loss = module_loss(net, mean_square)
    return vectorized(loss) if batched else loss


def points(seed: int, n: int = 6, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    y = scale * torch.sin(2 * x[:, :1] + seed) + 0.1 * torch.randn(
        n, 1, generator=generator, dtype=torch.float64
    )
    return x, y


def make_task(seed: int, scale: float = 1.0) -> Task[Any, Any]:
    return Task(points(seed, scale=scale), points(seed + 100, scale=scale))


def side_by_side(tasks: list[Task[Any, Any]]) -> Task[Any, Any]:
    def stack(batches: list[Any]) -> tuple[Tensor, ...]:
        return tuple(torch.stack(parts) for parts in zip(*batches, strict=True))

    return Task(stack([t.support for t in tasks]), stack([t.query for t in tasks]), len(tasks))


def gradients(learner: MetaLearner, task: Task[Any, Any], *, progress: float = 1.0) -> dict[str, Tensor]:
    """Outer gradient of every trainable parameter; zeros where there is none."""
    learner.zero_grad()
    learner.meta_loss(task, progress=progress).loss.backward()
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for name, p in learner.named_parameters()
    }


def central_differences(
    parameters: Mapping[str, nn.Parameter], value: Callable[[], Tensor], h: float = 1e-5
) -> dict[str, Tensor]:
    """(f(p + h) - f(p - h)) / 2h for every entry of every parameter."""
    found = {}
    for name, p in parameters.items():
        slopes = torch.zeros_like(p)
        with torch.no_grad():
            for i in range(p.numel()):
                entry = p.view(-1)[i : i + 1]
                kept = entry.clone()
                entry.copy_(kept + h)
                with torch.enable_grad():
                    above = value().detach()
                entry.copy_(kept - h)
                with torch.enable_grad():
                    below = value().detach()
                entry.copy_(kept)
                slopes.view(-1)[i] = (above - below) / (2 * h)
        found[name] = slopes
    return found


def flat(tensors: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([value.reshape(-1) for value in tensors.values()])


class PredictedStart(Start):
    """A hypernetwork: phi_0 of ``net`` is a linear function of the mean of the support points."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self._shapes = {name: p.shape for name, p in net.named_parameters()}
        sizes = sum(shape.numel() for shape in self._shapes.values())
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.predict = nn.Linear(3, sizes).double()

    @property
    def shapes(self) -> Mapping[str, torch.Size]:
        return self._shapes

    def forward(self, task: Task[Any, Any]) -> Params:
        x, y = batch_at(task.support, 0)
        vector = self.predict(torch.cat([x, y], -1).mean(-2))  # (P,) or (B, P)
        parts = vector.split([shape.numel() for shape in self._shapes.values()], -1)
        return {
            name: part.reshape(part.shape[:-1] + shape)
            for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)
        }
