"""Inner optimisers and their rates, against formulas and against torch.optim."""

import math

import pytest
import torch
from torch import Tensor

from model.maml import (
    SGD,
    Adam,
    Granularity,
    LearnerError,
    LearningRates,
    NormalizedSGD,
    ParameterNameError,
    UpdateRule,
    inner_loop,
    make_rule,
)

SHAPES = {"a": torch.Size([3]), "b": torch.Size([2, 2])}


def params(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in SHAPES.items()
    }


def quartic(phi: object, target: dict[str, Tensor]) -> Tensor:
    assert isinstance(phi, dict)
    return torch.stack([(phi[name] - target[name]).pow(4).sum() for name in SHAPES]).sum()


@pytest.mark.parametrize(
    ("rule", "optimizer"),
    [
        (SGD(LearningRates(SHAPES, 0.01)), lambda p: torch.optim.SGD(p, lr=0.01)),
        (
            SGD(LearningRates(SHAPES, 0.01), momentum=0.8),
            lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.8),
        ),
        (Adam(LearningRates(SHAPES, 0.05)), lambda p: torch.optim.Adam(p, lr=0.05)),
    ],
)
def test_same_path_as_torch_optim(rule: UpdateRule, optimizer: object) -> None:
    target = params(1)
    found = inner_loop(quartic, params(), target, rule.double(), 6).params
    expected = {name: value.clone().requires_grad_() for name, value in params().items()}
    assert callable(optimizer)
    reference = optimizer(list(expected.values()))
    for _ in range(6):
        reference.zero_grad()
        quartic(expected, target).backward()
        reference.step()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value.detach(), rtol=1e-5, atol=1e-6)


def test_normalized_step_has_the_size_of_the_rate_whatever_the_scale() -> None:
    rule = NormalizedSGD(LearningRates(SHAPES, 0.02)).double()
    for scale in (1e-4, 1.0, 1e6):
        grads = {name: scale * value for name, value in params(1).items()}
        new, _ = rule.step(params(), grads, {}, 0, batched=False)
        for name, start in params().items():
            change = new[name] - start
            assert float(change.square().mean().sqrt()) == pytest.approx(0.02, rel=1e-5)
            torch.testing.assert_close(change / change.norm(), -grads[name] / grads[name].norm())


@pytest.mark.parametrize("rule", ["normalized-sgd", "adam"])
def test_a_vanishing_gradient_moves_nothing_and_has_finite_derivatives(rule: str) -> None:
    update = make_rule(rule, SHAPES, 0.1, rates=Granularity.TENSOR).double()  # type: ignore[arg-type]
    grads = {name: torch.zeros_like(value, requires_grad=True) for name, value in params().items()}
    new, _ = update.step(params(), grads, update.init(grads), 0, batched=False)
    for name, start in params().items():
        assert torch.equal(new[name], start)
    torch.stack([value.sum() for value in new.values()]).sum().backward()
    assert all(g.grad is not None and g.grad.isfinite().all() for g in grads.values())


def test_rates_of_each_granularity() -> None:
    lr = {"a": 0.1, "b": 0.2}
    for granularity in (Granularity.TENSOR, Granularity.TENSOR_STEP):
        rates = LearningRates(SHAPES, lr, granularity=granularity, steps=3)
        assert float(rates("b", 2)) == pytest.approx(0.2)
    with torch.no_grad():
        rates.get_buffer("log_rates")[1, 2] = math.log(0.5)
    assert [round(float(rates("b", step)), 6) for step in range(5)] == [0.2, 0.2, 0.5, 0.5, 0.5]
    assert float(rates("a", 2)) == pytest.approx(0.1)
    each = LearningRates(SHAPES, lr, granularity=Granularity.PARAMETER, learned=True)
    assert {name: each(name, 7).shape for name in SHAPES} == SHAPES
    assert sum(p.numel() for p in each.parameters()) == 7
    assert not list(LearningRates(SHAPES, lr, granularity=Granularity.TENSOR).parameters())


def test_rates_travel_in_the_state_dict_even_when_fixed() -> None:
    trained, fresh = LearningRates(SHAPES, 0.3), LearningRates(SHAPES, 0.1)
    fresh.load_state_dict(trained.state_dict())
    assert float(fresh("a", 0)) == pytest.approx(0.3)


def test_rates_can_only_be_positive() -> None:
    for bad in (0.0, -0.1, math.nan, math.inf):
        with pytest.raises(LearnerError, match="positive and finite"):
            LearningRates(SHAPES, bad)
    with pytest.raises(ParameterNameError, match="rates for"):
        LearningRates(SHAPES, {"a": 0.1})
    with pytest.raises(LearnerError, match="one global rate"):
        LearningRates(SHAPES, {"a": 0.1, "b": 0.2})
    with pytest.raises(LearnerError, match="momentum"):
        SGD(LearningRates(SHAPES, 0.1), momentum=1.0)
