"""MAML on sinusoids: after one gradient step on five points the network draws the curve.

    python -m model.maml.examples.sinusoid

The regression of Finn et al. 2017 (section 5.1). A task is one sinusoid: amplitude uniform in [0.1, 5], phase
in [0, pi], inputs uniform in [-5, 5]. Beside MAML the same network is trained on all sinusoids at once, which
teaches it their mean. The table has the squared error on unseen sinusoids. ``benchmarks.sinusoid`` has all
algorithms, with intervals.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model.maml import (
    InnerConfig,
    LossFn,
    ModuleStart,
    OuterConfig,
    OuterLoop,
    Task,
    batch_at,
    make_algorithm,
    module_loss,
    vectorized,
)

STEPS = (0, 1, 5, 10)

Points = tuple[Tensor, Tensor]  # x and y, (B, K, 1) each


class Sinusoids:
    """Draws batches of tasks from a seeded generator."""

    def __init__(self, seed: int, *, shots: int = 5, query: int = 10) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self.shots = shots
        self.query = query

    def _uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self._generator)

    def draw(self, size: int) -> Task[Points, Points]:
        """``size`` sinusoids side by side."""
        amplitude = self._uniform(0.1, 5.0, size, 1, 1)
        phase = self._uniform(0.0, math.pi, size, 1, 1)
        x = self._uniform(-5.0, 5.0, size, self.shots + self.query, 1)
        y = amplitude * torch.sin(x - phase)
        k = self.shots
        return Task((x[:, :k], y[:, :k]), (x[:, k:], y[:, k:]), size)


def network(seed: int) -> nn.Sequential:
    """The MLP of the paper."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))


def squared_error(net: nn.Module) -> LossFn:
    """Mean squared error of each of B tasks: (B,)."""
    return vectorized(module_loss(net, lambda out, y: (out - y).square().mean()))


def meta_train(steps: int) -> nn.Sequential:
    """A network whose weights are a good place to start: MAML with one inner step at rate 0.01."""
    net, data = network(0), Sinusoids(1)
    learner = make_algorithm("maml", ModuleStart(net), squared_error(net), InnerConfig(steps=1, lr=0.01))
    outer = OuterLoop(learner, OuterConfig(steps=steps, lr=0.01))
    for _ in range(steps):
        outer.step([data.draw(25)])
    return net


def train_jointly(steps: int) -> nn.Sequential:
    """The same network, trained on the points of all sinusoids without adapting."""
    net, data = network(0), Sinusoids(1)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(steps):
        x, y = batch_at(data.draw(25).query, 0)
        torch.autograd.backward((net(x) - y).square().mean())
        optimizer.step()
        optimizer.zero_grad()
    return net


def errors(net: nn.Module, task: Task[Points, Points], rate: float) -> list[float]:
    """Mean squared error on the tasks' other points after 0, 1, 5 and 10 gradient steps on their five."""
    loss = squared_error(net)
    learner = make_algorithm("maml", ModuleStart(net), loss, InnerConfig(steps=max(STEPS), lr=rate))
    result = learner.adapt(task, validate=lambda phi, _: loss(phi, task.query))
    return [float(result.scores[step].mean()) for step in STEPS]


def main(steps: int = 2000) -> None:
    """Train both networks and print the table."""
    torch.set_num_threads(1)  # tensors this small only lose by more
    unseen = Sinusoids(2, query=100).draw(500)
    print(f"{'mean squared error after steps':32s}" + "".join(f"{step:8d}" for step in STEPS))
    for name, net, rate in (
        ("trained jointly, fine-tuned", train_jointly(2 * steps), 0.01),
        ("meta-trained (MAML), adapted", meta_train(steps), 0.01),
    ):
        print(f"{name:32s}" + "".join(f"{error:8.2f}" for error in errors(net, unseen, rate)), flush=True)


if __name__ == "__main__":
    main()
