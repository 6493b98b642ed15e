"""What distinguishes the algorithms, and what their settings refuse."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from model.maml import Granularity, InnerConfig, LearnerError, ModuleStart, Order, make_algorithm
from model.maml.schedules import annealed_to_last, constant_weights, first_then_second, last_step
from tests.model.maml.problems import flat, gradients, make_task, net_loss, network

INNER = InnerConfig(steps=3, lr=0.1)


def test_multi_step_weights_are_annealed_to_the_last_step() -> None:
    weights = annealed_to_last(4, until=0.5)
    assert weights(0.0) == pytest.approx({1: 0.25, 2: 0.25, 3: 0.25, 4: 0.25})
    assert weights(0.25) == pytest.approx({1: 0.125, 2: 0.125, 3: 0.125, 4: 0.625})
    assert weights(0.5) == weights(1.0) == {4: 1.0}
    assert last_step(4)(0.0) == {4: 1.0}


def test_order_is_annealed() -> None:
    order = first_then_second(switch=0.4)
    assert [order(p) for p in (0.0, 0.39, 0.4, 1.0)] == [Order.FIRST] * 2 + [Order.SECOND] * 2


def test_maml_plus_plus_begins_as_first_order_multi_step_and_ends_as_second_order_maml() -> None:
    task, found = make_task(1), {}

    def gradient(name: Any, config: InnerConfig, progress: float) -> torch.Tensor:
        net = network()
        learner = make_algorithm(name, ModuleStart(net), net_loss(net), config).double()
        return flat(gradients(learner, task, progress=progress))

    each = replace(INNER, rates=Granularity.TENSOR_STEP)
    found["begin"] = gradient("maml++", INNER, 0.0)
    found["end"] = gradient("maml++", INNER, 1.0)
    torch.testing.assert_close(
        found["begin"], gradient("fomaml", replace(each, weights=dict.fromkeys((1, 2, 3), 1 / 3)), 0.0)
    )
    torch.testing.assert_close(found["end"], gradient("maml", each, 0.0))
    assert (found["begin"] - found["end"]).norm() > 0.1 * found["end"].norm()


@pytest.mark.parametrize("name", ["maml", "fomaml", "reptile", "anil", "meta-sgd", "maml++"])
def test_the_learner_can_be_saved_and_loaded(name: Any) -> None:
    def make(seed: int, lr: float) -> Any:
        net = network(seed)
        return make_algorithm(name, ModuleStart(net, ["2.*"]), net_loss(net), replace(INNER, lr=lr)).double()

    trained, fresh = make(0, 0.2), make(1, 0.1)
    fresh.load_state_dict(trained.state_dict())
    task = make_task(1)
    torch.testing.assert_close(flat(fresh.adapt(task).params), flat(trained.adapt(task).params))


def test_refusals() -> None:
    net = network()
    start, loss = ModuleStart(net), net_loss(net)
    with pytest.raises(LearnerError, match="no algorithm is named 'mamba'"):
        make_algorithm("mamba", start, loss)  # type: ignore[arg-type]
    for setting in ({"rates": Granularity.TENSOR}, {"weights": {1: 1.0}}, {"order": Order.FIRST}):
        with pytest.raises(LearnerError, match="do not apply"):
            make_algorithm("reptile", start, loss, replace(INNER, **setting))
    for weights in ({}, {1: 0.0}, {1: -1.0, 2: 1.0}, {-1: 1.0}):
        with pytest.raises(LearnerError, match="step weights"):
            constant_weights(weights)
    with pytest.raises(LearnerError, match="order NONE"):
        make_algorithm("maml", start, loss, replace(INNER, order=Order.NONE))
