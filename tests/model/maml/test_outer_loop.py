"""The outer loop: schedule, clipping, resuming, undefined gradients."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model.maml import (
    InnerConfig,
    LearnerError,
    MetaLearner,
    ModuleStart,
    NonFiniteLossError,
    OuterConfig,
    OuterLoop,
    Params,
    Task,
    make_algorithm,
)
from tests.model.maml.problems import make_task, net_loss, network, side_by_side


def learner(seed: int = 0, *, batched: bool = False) -> MetaLearner:
    net = network(seed)
    loss = net_loss(net, batched=batched)
    return make_algorithm("maml++", ModuleStart(net), loss, InnerConfig(steps=2, lr=0.05)).double()


def test_meta_training_lowers_the_query_loss_after_adaptation() -> None:
    tasks = side_by_side([make_task(seed) for seed in range(4)])
    trained = learner(batched=True)
    before = trained.meta_loss(tasks).loss.item()
    outer = OuterLoop(trained, OuterConfig(steps=60, lr=0.05))
    steps = [outer.step([tasks]) for _ in range(60)]
    assert trained.meta_loss(tasks).loss.item() < 0.6 * before
    assert steps[0].lr == pytest.approx(0.05)
    assert steps[-1].lr == pytest.approx(1e-5)
    assert steps[29].lr == pytest.approx(0.025, rel=0.1)
    assert sorted(steps[0].tasks[0].query) == [1, 2]
    assert sorted(steps[-1].tasks[0].query) == [2]
    assert outer.progress == 1.0


def test_resuming_gives_the_same_weights() -> None:
    config = OuterConfig(steps=8, lr=0.02, rates_lr=0.1)
    tasks = [make_task(seed) for seed in range(8)]
    straight = learner()
    outer = OuterLoop(straight, config)
    for task in tasks:
        outer.step([task])

    first = learner()
    outer = OuterLoop(first, config)
    for task in tasks[:4]:
        outer.step([task])
    weights, state = copy.deepcopy((first.state_dict(), outer.state_dict()))
    second = learner(seed=9)
    second.load_state_dict(weights)
    outer = OuterLoop(second, config)
    outer.load_state_dict(state)
    for task in tasks[4:]:
        outer.step([task])
    for name, value in straight.state_dict().items():
        assert torch.equal(second.state_dict()[name], value), name


def test_tasks_are_averaged_and_clipped() -> None:
    single, double = learner(), learner()
    task = make_task(3)
    one = OuterLoop(single, OuterConfig(steps=2)).step([task])
    two = OuterLoop(double, OuterConfig(steps=2)).step([task, task])
    assert (one.loss, one.grad_norm) == pytest.approx((two.loss, two.grad_norm))
    clipped = learner()
    report = OuterLoop(clipped, OuterConfig(steps=2, clip_norm=0.01)).step([task])
    assert report.grad_norm == pytest.approx(one.grad_norm), "the norm is reported before clipping"
    grads = [p.grad for p in clipped.parameters() if p.grad is not None]
    assert float(torch.cat([g.flatten() for g in grads]).norm()) == pytest.approx(0.01, rel=1e-4)


def test_learned_rates_have_an_outer_rate_of_their_own() -> None:
    moved = learner()
    before = {name: p.detach().clone() for name, p in moved.named_parameters()}
    OuterLoop(moved, OuterConfig(steps=2, lr=1e-3, rates_lr=0.2)).step([make_task(1)])
    for name, p in moved.named_parameters():
        change = float((p.detach() - before[name]).abs().max())  # Adam's first step is the rate itself
        assert change == pytest.approx(0.2 if "rates" in name else 1e-3, rel=1e-3), name


class Weight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(1.0))


def scaled(params: Params, scale: float) -> Tensor:
    return params["w"].square() * scale


def test_undefined_gradients_are_skipped_and_then_refused() -> None:
    weight = Weight()
    # The inner loss is fine; the query loss is not.
    outer = OuterLoop(
        make_algorithm("maml", ModuleStart(weight), scaled, InnerConfig(steps=1)),
        OuterConfig(steps=10, max_skipped=2),
    )
    bad: Task[Any, Any] = Task(1.0, math.nan)
    good: Task[Any, Any] = Task(1.0, 1.0)
    assert outer.step([good, bad]).skipped
    assert weight.w.item() == 1.0
    assert not outer.step([good]).skipped
    moved = weight.w.item()
    assert moved < 1.0
    assert [outer.step([bad]).skipped for _ in range(2)] == [True, True]
    with pytest.raises(NonFiniteLossError, match="3 outer steps in a row"):
        outer.step([bad])
    assert weight.w.item() == moved


def test_refusals() -> None:
    with pytest.raises(LearnerError, match="at least one task"):
        OuterLoop(learner(), OuterConfig(steps=1)).step([])
    with pytest.raises(LearnerError, match="at least one step"):
        OuterLoop(learner(), OuterConfig(steps=0))
