"""FOMAML against MAML: equal in the limit of small inner rates, different at large ones."""

import itertools
from dataclasses import replace

import pytest
import torch

from model.maml import Granularity, InnerConfig, MetaLearner, ModuleStart, make_algorithm
from tests.model.maml.problems import flat, gradients, make_task, net_loss, network


def relative_gap(lr: float) -> float:
    """|g_MAML - g_FOMAML| / |g_MAML| after three inner steps at rate ``lr``."""
    task, found = make_task(1), {}
    for name in ("maml", "fomaml"):
        net = network()
        config = InnerConfig(steps=3, lr=lr)
        learner = make_algorithm(name, ModuleStart(net), net_loss(net), config).double()
        found[name] = flat(gradients(learner, task))
    return float((found["maml"] - found["fomaml"]).norm() / found["maml"].norm())


def test_the_gap_is_of_first_order_in_the_rate() -> None:
    """g_MAML = prod(I - alpha H_k) g_FOMAML, so the gap halves with the rate."""
    gaps = [relative_gap(lr) for lr in (4e-3, 2e-3, 1e-3, 5e-4)]
    ratios = [a / b for a, b in itertools.pairwise(gaps)]
    assert ratios == pytest.approx([2.0, 2.0, 2.0], abs=0.05)
    assert gaps[-1] < 5e-3


def test_they_differ_at_a_large_rate() -> None:
    assert relative_gap(0.5) > 0.2


def test_learned_rates_get_a_first_order_gradient() -> None:
    """After one step phi_1 = phi_0 - alpha g, with g constant: d L / d log alpha = -alpha g . dL/dphi_1."""
    net = network()
    config = replace(InnerConfig(steps=1, lr=0.1), rates=Granularity.GLOBAL)
    both: dict[str, MetaLearner] = {}
    for name in ("maml", "fomaml"):
        both[name] = make_algorithm(name, ModuleStart(net), net_loss(net), config).double()
    first = gradients(both["fomaml"], make_task(2))["rule.rates.log_rates"]
    second = gradients(both["maml"], make_task(2))["rule.rates.log_rates"]
    assert first.abs() > 1e-4
    torch.testing.assert_close(first, second)
