"""Adapting a part of phi, and the memory-lean backward pass of first-order learners."""

import weakref
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model.maml import (
    AlgorithmName,
    Granularity,
    InnerConfig,
    Order,
    RuleName,
    inner_loop,
    make_algorithm,
    make_rule,
)
from tests.model.maml.problems import (
    PredictedStart,
    central_differences,
    flat,
    gradients,
    make_task,
    net_loss,
    network,
    side_by_side,
)

INNER = InnerConfig(steps=3, lr=0.1)
TASKS = side_by_side([make_task(1), make_task(2, scale=3.0)])


@pytest.mark.parametrize("order", list(Order))
def test_other_tensors_stay(order: Order) -> None:
    net = network()
    start = dict(net.named_parameters())
    rule = make_rule("adam", {"2.bias": torch.Size([1])}, 0.1).double()
    result = inner_loop(net_loss(net), start, make_task(1).support, rule, 3, order=order, adapt=["2.b*"])
    assert list(result.params) == list(start)
    changed = [name for name, value in result.params.items() if not torch.equal(value, start[name])]
    assert changed == ["2.bias"]


def test_anil_on_a_predicted_start_is_exact() -> None:
    net = network()
    config = replace(INNER, adapt=("2.*",), rates=Granularity.TENSOR)
    learner = make_algorithm("anil", PredictedStart(net), net_loss(net), config).double()
    assert learner.rule.get_parameter("rates.log_rates").shape == (2, 1), "no rates for what is not adapted"
    task = make_task(3)
    expected = central_differences(dict(learner.named_parameters()), lambda: learner.meta_loss(task).loss)
    found = gradients(learner, task)
    torch.testing.assert_close(flat(found), flat(expected), rtol=1e-5, atol=1e-8)
    body = found["start.predict.weight"][:6]
    assert body.abs().max() > 1e-6, "the predicted body still learns"


@pytest.mark.parametrize("adapt", [None, ("2.*",)])
@pytest.mark.parametrize("rule", ["sgd", "normalized-sgd", "adam"])
@pytest.mark.parametrize("name", ["maml", "fomaml", "reptile", "maml++"])
def test_meta_backward_is_the_gradient_of_the_meta_loss(
    name: AlgorithmName, rule: RuleName, adapt: tuple[str, ...] | None
) -> None:
    net, shared = network(), network(1)

    def loss(params: object, batch: object) -> Tensor:
        assert isinstance(params, dict)
        assert isinstance(batch, tuple)
        x, y = batch
        return net_loss(net, batched=True)(params, (x + shared(x), y))

    weights = None if name in ("reptile", "maml++") else {0: 0.2, 2: 0.3, 3: 0.5}
    config = replace(INNER, rule=rule, adapt=adapt, weights=weights)
    learner = make_algorithm(name, PredictedStart(net), loss, config, shared=shared).double()
    for progress in (0.1, 1.0):
        expected = gradients(learner, TASKS, progress=progress)
        assert flat(expected).norm() > 1e-3
        learner.zero_grad()
        outcome = learner.meta_backward(TASKS, scale=0.5, progress=progress)
        for key, p in learner.named_parameters():
            found = torch.zeros_like(p) if p.grad is None else 2 * p.grad
            torch.testing.assert_close(found, expected[key], msg=None)
        reference = learner.meta_loss(TASKS, progress=progress)
        torch.testing.assert_close(outcome.loss, reference.loss.detach())
        assert outcome.query.keys() == reference.query.keys()
        assert not outcome.loss.requires_grad


class Held:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def test_first_order_backward_keeps_one_query_graph_at_a_time() -> None:
    alive: weakref.WeakSet[Held] = weakref.WeakSet()
    peak: dict[bool, int] = {True: 0, False: 0}

    def pack(tensor: Tensor) -> Held:
        held = Held(tensor)
        alive.add(held)
        peak[lean] = max(peak[lean], len(alive))
        return held

    net = network()
    config = replace(INNER, steps=6, weights=dict.fromkeys(range(1, 7), 1.0))
    learner = make_algorithm("fomaml", PredictedStart(net), net_loss(net), config).double()
    for lean in (True, False):
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda held: held.tensor):
            if lean:
                learner.meta_backward(make_task(1))
            else:
                learner.meta_loss(make_task(1)).loss.backward()
    assert peak[True] * 3 < peak[False]
