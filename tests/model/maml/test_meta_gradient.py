"""The second-order meta-gradient against central finite differences, in float64."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from model.maml import (
    Granularity,
    InnerConfig,
    MetaLearner,
    ModuleStart,
    Order,
    RuleName,
    make_algorithm,
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


def assert_exact(learner: MetaLearner, task: Any, *, progress: float = 1.0) -> None:
    learner.double()
    found = gradients(learner, task, progress=progress)
    expected = central_differences(
        dict(learner.named_parameters()), lambda: learner.meta_loss(task, progress=progress).loss
    )
    assert found.keys() == expected.keys()
    for name, slope in expected.items():
        assert slope.abs().max() > 1e-6, f"{name} has no influence: the comparison would be empty"
        torch.testing.assert_close(found[name], slope, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("rule", ["sgd", "normalized-sgd", "adam"])
def test_maml_with_every_rule(rule: RuleName) -> None:
    net = network()
    learner = make_algorithm("maml", ModuleStart(net), net_loss(net), replace(INNER, rule=rule))
    assert_exact(learner, make_task(1))


@pytest.mark.parametrize("rule", ["sgd", "normalized-sgd", "adam"])
@pytest.mark.parametrize("rates", list(Granularity))
def test_learned_rates(rule: RuleName, rates: Granularity) -> None:
    net = network()
    config = replace(INNER, rule=rule, rates=rates, lr=0.05)
    learner = make_algorithm("maml", ModuleStart(net), net_loss(net), config)
    assert_exact(learner, make_task(2))


def test_meta_sgd_has_a_rate_for_every_parameter() -> None:
    net = network()
    learner = make_algorithm("meta-sgd", ModuleStart(net), net_loss(net), INNER)
    rates = list(learner.rule.parameters())
    assert [r.shape for r in rates] == [p.shape for p in net.parameters()]
    assert_exact(learner, make_task(3))


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_maml_plus_plus_multi_step_loss(progress: float) -> None:
    net = network()
    config = replace(INNER, second_order_from=0.0, multi_step_until=0.9)
    learner = make_algorithm("maml++", ModuleStart(net), net_loss(net), config)
    assert_exact(learner, make_task(4), progress=progress)


def test_query_loss_at_the_start_and_later() -> None:
    net = network()
    config = replace(INNER, weights={0: 0.5, 2: 1.0, 4: 0.25})
    learner = make_algorithm("maml", ModuleStart(net), net_loss(net), config)
    task = make_task(5)
    assert_exact(learner, task)
    outcome = learner.meta_loss(task)
    assert sorted(outcome.query) == [0, 2, 4]
    expected = 0.5 * outcome.query[0] + outcome.query[2] + 0.25 * outcome.query[4]
    torch.testing.assert_close(outcome.loss.detach(), expected)


def test_anil_body_and_head() -> None:
    net = network()
    learner = make_algorithm("anil", ModuleStart(net, ["2.*"]), net_loss(net), INNER)
    assert_exact(learner, make_task(6))


@pytest.mark.parametrize("rule", ["sgd", "normalized-sgd", "adam"])
def test_predicted_start(rule: RuleName) -> None:
    net = network()
    learner = make_algorithm("maml", PredictedStart(net), net_loss(net), replace(INNER, rule=rule))
    assert_exact(learner, make_task(7))


def test_batch_of_tasks_with_a_predicted_start_and_learned_rates() -> None:
    net = network()
    learner = make_algorithm(
        "maml",
        PredictedStart(net),
        net_loss(net, batched=True),
        replace(INNER, rule="normalized-sgd", rates=Granularity.TENSOR_STEP, lr=0.05),
    )
    assert_exact(learner, side_by_side([make_task(8), make_task(9, scale=30.0), make_task(10, scale=0.1)]))


def test_shared_weights_beside_phi() -> None:
    net, shared = network(), network(1)

    def loss(params: Any, batch: Any) -> torch.Tensor:
        x, y = batch
        return net_loss(net)(params, (x + shared(x), y))

    learner = make_algorithm("maml", ModuleStart(net), loss, INNER, shared=shared)
    assert sum(name.startswith("shared.") for name, _ in learner.named_parameters()) == 4
    assert_exact(learner, make_task(11))


def test_first_order_through_a_predicted_start() -> None:
    """FOMAML's gradient is the Jacobian of the start, transposed, times the query gradient at phi_K."""
    net = network()
    loss = net_loss(net)
    learner = make_algorithm("fomaml", PredictedStart(net), loss, INNER).double()
    task = make_task(12)
    found = gradients(learner, task)

    end = learner.adapt(task, order=Order.NONE).params
    at = {name: value.requires_grad_() for name, value in end.items()}
    pull = dict(zip(at, torch.autograd.grad(loss(at, task.query), list(at.values())), strict=True))
    learner.zero_grad()
    start = learner.start(task)
    torch.stack([(start[name] * pull[name]).sum() for name in pull]).sum().backward()
    expected = {name: p.grad for name, p in learner.named_parameters() if p.grad is not None}
    torch.testing.assert_close(flat(found), flat(expected))
