"""Inner loops that go on over outer steps: the same steps and gradients as loops in one piece."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model.maml import (
    ContinuedLoops,
    InnerConfig,
    LearnerError,
    Task,
    batch_at,
    inner_loop,
    make_algorithm,
    make_rule,
)
from tests.model.maml.problems import PredictedStart, flat, gradients, net_loss, network, points


def single(seed: int) -> Task[Any, Any]:
    """A task of size 1 whose support is drawn anew at every step."""

    def stacked(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        return tuple(part.unsqueeze(0) for part in batch)

    return Task(
        lambda step: stacked(points(10 * seed + step)), lambda step: stacked(points(seed + 500 + step)), 1
    )


def join(batches: Sequence[Any]) -> tuple[Tensor, ...]:
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


def loops(
    net: nn.Module, start: PredictedStart, draw: Callable[[], Task[Any, Any]], **settings: Any
) -> ContinuedLoops:
    rule = make_rule("adam", start.shapes, 0.05).double()
    options: dict[str, Any] = {"steps": 4, "in_flight": 1, "batch": 1, **settings}
    return ContinuedLoops(
        start, rule, net_loss(net, batched=True), draw=draw, join=join, rng=random.Random(0), **options
    )


@pytest.mark.parametrize("support_weight", [0.5, 2.0])
def test_phi_walks_as_in_one_loop_while_the_start_rests(support_weight: float) -> None:
    net = network()
    start, task = PredictedStart(net), single(3)
    running = loops(net, start, lambda: task, support_weight=support_weight)
    whole = inner_loop(
        net_loss(net, batched=True),
        start(task),
        task.support,
        make_rule("adam", start.shapes, 0.05).double(),
        3,
        keep_trajectory=True,
    )
    for step, expected in enumerate(whole.trajectory):
        running.meta_loss().loss.backward()
        (loop,) = running.loops
        assert loop.step == step
        torch.testing.assert_close(loop.params, {name: value.detach() for name, value in expected.items()})


@pytest.mark.parametrize(("visits", "discount"), [(0, 0.5), (1, 1.0), (1, 0.5), (3, 1.0), (3, 0.7)])
def test_the_start_gets_the_first_order_gradient_of_its_step_discounted(visits: int, discount: float) -> None:
    net = network()
    start, task = PredictedStart(net), single(1)
    running = loops(net, start, lambda: task, discount=discount)
    for _ in range(visits + 1):
        start.zero_grad()
        outcome = running.meta_loss()
        outcome.loss.backward()
    found = {name: p.grad for name, p in start.named_parameters()}
    config = InnerConfig(
        steps=max(1, visits), lr=0.05, rule="adam", weights={visits: 1.0}, betas=(0.9, 0.999)
    )
    learner = make_algorithm("fomaml", start, net_loss(net, batched=True), config).double()
    expected = gradients(learner, task)
    assert set(outcome.query) == {visits}
    for name, grad in found.items():
        torch.testing.assert_close(grad, discount**visits * expected[f"start.{name}"])


def test_shared_weights_learn_from_support_and_query_by_their_weights() -> None:
    net = network()
    gain = nn.Parameter(torch.tensor(1.3, dtype=torch.float64))
    plain = net_loss(net, batched=True)
    task, start = single(2), PredictedStart(net)

    def loss(params: Any, batch: Any) -> Tensor:
        x, y = batch
        return plain(params, (gain * x, y))

    running = ContinuedLoops(
        start,
        make_rule("sgd", start.shapes, 0.1).double(),
        loss,
        draw=lambda: task,
        join=join,
        steps=2,
        in_flight=1,
        batch=1,
        support_weight=0.25,
    )
    running.meta_loss().loss.backward()
    phi = {name: value.detach() for name, value in start(task).items()}
    wanted = loss(phi, batch_at(task.query, 0)).sum() + 0.25 * loss(phi, batch_at(task.support, 0)).sum()
    (expected,) = torch.autograd.grad(wanted, gain)
    torch.testing.assert_close(gain.grad, expected)


def test_tasks_end_after_their_steps_and_make_room() -> None:
    net = network()
    drawn: list[Task[Any, Any]] = []

    def draw() -> Task[Any, Any]:  # of tensors, which have no truth value when they are compared
        task = single(len(drawn))
        drawn.append(Task(join([batch_at(task.support, 0)]), join([batch_at(task.query, 0)]), 1))
        return drawn[-1]

    running = loops(net, PredictedStart(net), draw, steps=3, in_flight=4, batch=2)
    for _ in range(30):
        running.meta_loss().loss.backward()
    visits = 2 * 30
    finished = len(drawn) - 4
    assert len(running.loops) == 4
    under_way = sum(loop.step for loop in running.loops)
    assert visits - 2 <= 3 * finished + under_way <= visits  # the last two are not advanced yet
    assert all(loop.step < 3 for loop in running.loops)


def test_a_task_with_undefined_gradients_is_dropped_alone() -> None:
    net = network()
    broken: list[bool] = []

    def draw() -> Task[Any, Any]:
        broken.append(not broken)
        task, last = single(len(broken)), broken[-1]

        def support(step: int) -> tuple[Tensor, ...]:
            x, y = join([batch_at(task.support, step)])
            return (torch.nan * x if last and step == 1 else x), y

        return Task(support, task.query, 1)

    running = loops(net, PredictedStart(net), draw, in_flight=2, batch=2)
    running.meta_loss().loss.backward()
    running.meta_loss().loss.backward()
    kept = running.loops[1]
    running.meta_loss()
    assert len(broken) == 3
    assert kept in running.loops
    assert kept.step == 2
    assert all(bool(torch.isfinite(flat(loop.params)).all()) for loop in running.loops)


@pytest.mark.parametrize("discount", [1.0, 0.5])
def test_what_is_not_adapted_stays_and_still_teaches_the_start(discount: float) -> None:
    net = network()
    start, task = PredictedStart(net), single(5)
    running = loops(net, start, lambda: task, adapt=("2.*",), discount=discount)
    begun = {name: value.detach() for name, value in start(task).items()}
    for _ in range(3):
        start.zero_grad()
        running.meta_loss().loss.backward()
    found = start.predict.weight.grad
    (loop,) = running.loops
    for name in ("0.weight", "0.bias"):
        torch.testing.assert_close(loop.params[name], begun[name], rtol=0, atol=0)
    assert float((loop.params["2.weight"] - begun["2.weight"]).abs().max()) > 0.01
    learner = make_algorithm(
        "fomaml",
        start,
        net_loss(net, batched=True),
        InnerConfig(steps=2, lr=0.05, rule="adam", weights={2: 1.0}, adapt=("2.*",)),
    ).double()
    expected = gradients(learner, task)["start.predict.weight"]
    # d phi_k / d phi_0 is 1 where the loop moves nothing: only the others' is an estimate, and discounted
    pulls = [
        torch.full(shape, 1.0 if name.startswith("0.") else discount**2).flatten()
        for name, shape in start.shapes.items()
    ]
    torch.testing.assert_close(found, torch.cat(pulls).unsqueeze(1) * expected)


def test_refuses_what_cannot_run() -> None:
    net = network()
    for wrong in ({"steps": 0}, {"batch": 2}, {"support_weight": 0.0}, {"discount": 1.5}):
        with pytest.raises(LearnerError):
            loops(net, PredictedStart(net), lambda: single(0), **wrong)
