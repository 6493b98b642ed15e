"""The inner loop's promises: pure, lean, stoppable, and right under autocast."""

import weakref
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model.maml import (
    InnerConfig,
    InnerStep,
    LearnerError,
    LossShapeError,
    ModuleStart,
    Order,
    ParameterNameError,
    Params,
    Task,
    inner_loop,
    make_algorithm,
    make_rule,
    module_loss,
)
from tests.model.maml.problems import make_task, mean_square, net_loss, network, points

SCALAR = {"w": torch.Size([])}


def parabola(params: Params, target: Any) -> Tensor:
    loss: Tensor = (params["w"] - target).square() / 2
    return loss


def start_at(value: float) -> dict[str, Tensor]:
    return {"w": torch.tensor(value, dtype=torch.float64)}


def test_support_drawn_anew_at_every_step() -> None:
    seen: list[int] = []

    def support(step: int) -> Tensor:
        seen.append(step)
        return torch.tensor([4.0, 8.0, 0.0][step], dtype=torch.float64)

    result = inner_loop(parabola, start_at(0.0), support, make_rule("sgd", SCALAR, 0.5).double(), 3)
    assert seen == [0, 1, 2]
    torch.testing.assert_close(result.params, start_at(2.5))  # 0 -> 2 -> 5 -> 2.5
    assert [float(loss) for loss in result.support_losses] == pytest.approx([8.0, 18.0, 12.5])


def test_query_drawn_anew_at_every_step() -> None:
    task = make_task(1)
    net = network()
    asked: list[int] = []

    def query(step: int) -> Any:
        asked.append(step)
        return make_task(step).query

    learner = make_algorithm("maml", ModuleStart(net), net_loss(net), InnerConfig(weights={0: 1.0, 2: 1.0}))
    learner.meta_loss(Task(task.support, query))
    assert asked == [0, 2]


def test_trajectory_and_steps() -> None:
    rule = make_rule("sgd", SCALAR, 0.5)
    result = inner_loop(parabola, start_at(8.0), 0.0, rule, 3, keep_trajectory=True)
    assert [float(phi["w"]) for phi in result.trajectory] == pytest.approx([8.0, 4.0, 2.0, 1.0])
    assert result.steps == 3
    none = inner_loop(parabola, start_at(8.0), 0.0, rule, 0, keep_trajectory=True)
    assert (none.steps, float(none.params["w"]), len(none.trajectory)) == (0, 8.0, 1)


def test_on_step_sees_the_start_and_every_update_and_may_stop() -> None:
    visits: list[tuple[int, float, float | None, float]] = []

    def on_step(at: InnerStep) -> bool:
        assert at.score is not None
        loss = None if at.support_loss is None else float(at.support_loss)
        visits.append((at.step, float(at.params["w"]), loss, float(at.score)))
        return at.step == 2

    result = inner_loop(
        parabola,
        start_at(8.0),
        0.0,
        make_rule("sgd", SCALAR, 0.5),
        10,
        on_step=on_step,
        validate=lambda phi, step: (phi["w"] - 4.0).abs() + 10 * step,
    )
    expected = [(0, 8.0, None, 4.0), (1, 4.0, 32.0, 10.0), (2, 2.0, 8.0, 22.0)]
    for visit, wanted in zip(visits, expected, strict=True):
        assert visit == pytest.approx(wanted)
    assert result.steps == 2
    assert float(result.params["w"]) == pytest.approx(2.0)
    assert result.best is not None
    assert float(result.best.params["w"]) == 8.0


def test_stopping_before_the_first_step_and_errors_go_through() -> None:
    rule = make_rule("sgd", SCALAR, 0.5)
    assert inner_loop(parabola, start_at(8.0), 0.0, rule, 3, on_step=lambda _: True).steps == 0

    def cancel(at: InnerStep) -> None:
        if at.step == 1:
            raise KeyError("canceled")

    with pytest.raises(KeyError, match="canceled"):
        inner_loop(parabola, start_at(8.0), 0.0, rule, 3, on_step=cancel)


def test_serving_result_has_no_history() -> None:
    net = network()
    learner = make_algorithm("maml++", ModuleStart(net), net_loss(net), InnerConfig(steps=3)).double()
    with torch.no_grad():  # a server's usual mode; the inner loop turns gradients on where it needs them
        result = learner.adapt(make_task(1))
    assert result.support_losses[-1] < result.support_losses[0]
    assert not any(p.requires_grad for p in result.params.values())
    assert all(p.grad is None for p in learner.parameters())


class Held:
    """Stands for a tensor that a graph keeps, so that living graphs can be counted."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


@pytest.mark.parametrize(
    ("order", "grows"), [(Order.NONE, False), (Order.FIRST, False), (Order.SECOND, True)]
)
def test_memory_does_not_grow_with_steps_below_second_order(order: Order, grows: bool) -> None:
    alive: weakref.WeakSet[Held] = weakref.WeakSet()

    def pack(tensor: Tensor) -> Held:
        held = Held(tensor)
        alive.add(held)
        return held

    net = network()
    rule = make_rule("sgd", ModuleStart(net).shapes, 0.1).double()
    counts: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda held: held.tensor):
        inner_loop(
            net_loss(net),
            dict(net.named_parameters()),
            make_task(1).support,
            rule,
            4,
            order=order,
            on_step=lambda _: counts.append(len(alive)),
        )
    assert counts == sorted(counts)
    assert (counts[4] > counts[1] > counts[0]) if grows else counts == [0] * 5


def test_a_module_is_not_mutated() -> None:
    net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)).double()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    loss = module_loss(net, mean_square)
    for name in ("maml", "reptile"):
        learner = make_algorithm(name, ModuleStart(net), loss, InnerConfig(steps=2, lr=0.1)).double()
        result = learner.adapt(make_task(1), keep_trajectory=True)
        assert not torch.equal(result.params["3.weight"], before["3.weight"])
        learner.meta_loss(make_task(1)).loss.backward()
    after = net.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_anil_leaves_the_body_untouched() -> None:
    net = network()
    learner = make_algorithm("anil", ModuleStart(net, ["2.*"]), net_loss(net), InnerConfig(steps=3, lr=0.1))
    result = learner.double().adapt(make_task(1))
    assert set(result.params) == {"2.weight", "2.bias"}
    assert not torch.equal(result.params["2.bias"], dict(net.named_parameters())["2.bias"])
    learner.meta_loss(make_task(1)).loss.backward()
    assert net[0].weight.grad is not None, "the outer loop still trains the body"
    with pytest.raises(LearnerError, match="anil adapts a part"):
        make_algorithm("anil", ModuleStart(net), net_loss(net))
    with pytest.raises(ParameterNameError, match=r"'head\.\*'.*2\.bias"):
        ModuleStart(net, ["head.*"])


def test_a_parameter_without_influence_keeps_its_value() -> None:
    start = {**start_at(8.0), "idle": torch.ones(2, dtype=torch.float64)}
    rule = make_rule("normalized-sgd", {**SCALAR, "idle": torch.Size([2])}, 0.5)
    result = inner_loop(parabola, start, 0.0, rule, 2)
    assert torch.equal(result.params["idle"], start["idle"])
    assert float(result.params["w"]) == pytest.approx(7.0)


@pytest.mark.parametrize("name", ["maml", "fomaml"])
def test_autocast(name: Any) -> None:
    """Low-precision losses: every gradient arrives, close to the one in single precision."""
    support, query = (tuple(t.float() for t in points(seed)) for seed in (1, 101))
    single: Task[Any, Any] = Task(support, query)
    gradient: dict[bool, Tensor] = {}
    for enabled in (False, True):
        net, shared = network(hidden=16).float(), network(1).float()

        def loss(params: Params, batch: Any, net: nn.Module = net, shared: nn.Module = shared) -> Tensor:
            x, y = batch
            out = torch.func.functional_call(net, dict(params), (x + shared(x),))
            assert (out.dtype is torch.bfloat16) == torch.is_autocast_enabled("cpu")
            return mean_square(out, y)

        learner = make_algorithm(name, ModuleStart(net), loss, replace(InnerConfig(), lr=0.1), shared=shared)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            learner.adapt(single, validate=lambda phi, _: loss(phi, query))
            outcome = learner.meta_loss(single)
        assert outcome.loss.dtype is torch.float32
        outcome.loss.backward()
        grads = [p.grad for p in (*net.parameters(), *shared.parameters())]
        assert all(g is not None and g.dtype is torch.float32 and g.abs().max() > 0 for g in grads)
        gradient[enabled] = torch.cat([g.flatten() for g in grads if g is not None])
    cosine = torch.nn.functional.cosine_similarity(gradient[False], gradient[True], dim=0)
    assert 0.99 < cosine < 1 - 1e-9


def test_autocast_does_not_hoard_the_phi_of_every_step() -> None:
    net = network(hidden=16).float()
    support = tuple(t.float() for t in points(1))
    used: list[weakref.ref[Tensor]] = []

    def loss(params: Params, batch: Any) -> Tensor:
        used.append(weakref.ref(params["0.weight"]))
        return net_loss(net)(params, batch)

    rule = make_rule("sgd", ModuleStart(net).shapes, 0.01)
    with torch.autocast("cpu", torch.bfloat16):
        inner_loop(loss, dict(net.named_parameters()), support, rule, 10)
        assert len(used) == 10
        assert sum(ref() is not None for ref in used) <= 1


def test_refusals() -> None:
    rule = make_rule("sgd", SCALAR, 0.5)
    with pytest.raises(LearnerError, match="must not be negative"):
        inner_loop(parabola, start_at(1.0), 0.0, rule, -1)
    with pytest.raises(LossShapeError, match="scalar or one number a task"):
        inner_loop(lambda phi, _: phi["w"].reshape(1, 1), start_at(1.0), 0.0, rule, 1)
    with pytest.raises(ParameterNameError, match="no learning rate for 'v'"):
        inner_loop(lambda phi, _: phi["v"], {"v": torch.tensor(1.0)}, 0.0, rule, 1)
    with torch.inference_mode(), pytest.raises(LearnerError, match="inference_mode"):
        inner_loop(parabola, start_at(1.0), 0.0, rule, 1)
