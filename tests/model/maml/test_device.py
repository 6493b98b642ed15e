"""Everything stays on the device of the parameters.

On the "meta" device any tensor that the learner creates elsewhere, and any look at a value, is an error, so
these hold for CUDA too; where there is a CUDA device it is used as well.
"""

from typing import Any

import pytest
import torch

from model.maml import Granularity, InnerConfig, ModuleStart, Order, Task, make_algorithm
from tests.model.maml.problems import net_loss, network

DEVICES = [
    "meta",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rule", ["sgd", "normalized-sgd", "adam"])
@pytest.mark.parametrize("name", ["maml", "fomaml", "reptile", "meta-sgd", "maml++"])
def test_device(device: str, name: Any, rule: Any) -> None:
    net = network().float()
    loss = net_loss(net, batched=True)
    learner = make_algorithm(name, ModuleStart(net), loss, InnerConfig(steps=2, rule=rule)).to(device)

    def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.randn(3, 6, 2, device=device), torch.randn(3, 6, 1, device=device)

    task: Task[Any, Any] = Task(batch, batch, 3)
    learner.meta_loss(task).loss.backward()
    learner.zero_grad()
    learner.meta_backward(task, progress=0.1)
    for key, p in learner.named_parameters():
        assert p.grad is not None, key
        assert p.grad.device.type == device
    result = learner.adapt(task, order=Order.NONE, validate=lambda phi, step: loss(phi, batch(step)))
    assert result.best is not None
    assert {p.device.type for p in (*result.best.params.values(), result.best.step)} == {device}


def test_every_granularity_moves_with_the_learner() -> None:
    for rates in Granularity:
        net = network().float()
        learner = make_algorithm("maml", ModuleStart(net), net_loss(net), InnerConfig(rates=rates))
        tensors = (*learner.to("meta").parameters(), *learner.buffers())
        assert {t.device.type for t in tensors} == {"meta"}
