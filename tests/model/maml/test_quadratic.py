"""Quadratic losses, where every meta-gradient can be derived by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model.maml import (
    AlgorithmName,
    InnerConfig,
    MetaLearner,
    ModuleStart,
    OuterConfig,
    OuterLoop,
    Params,
    Task,
    make_algorithm,
)

ALPHA = 0.1
A = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)  # curvature of the support loss
SUPPORT = torch.tensor([1.0, -2.0], dtype=torch.float64)  # its minimum
C = torch.tensor([[1.0, -0.3], [-0.3, 3.0]], dtype=torch.float64)  # curvature of the query loss
QUERY = torch.tensor([-1.0, 0.5], dtype=torch.float64)
START = torch.tensor([0.7, 0.2], dtype=torch.float64)
TASK = Task((A, SUPPORT), (C, QUERY))


class Point(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(START.clone())


def quadratic(params: Params, batch: Any) -> Tensor:
    """(w - c)^T M (w - c) / 2"""
    curvature, center = batch
    offset = params["w"] - center
    loss: Tensor = offset @ curvature @ offset / 2
    return loss


def meta_gradient(name: AlgorithmName, steps: int = 1) -> tuple[Tensor, MetaLearner]:
    point = Point()
    learner = make_algorithm(name, ModuleStart(point), quadratic, InnerConfig(steps=steps, lr=ALPHA)).double()
    learner.meta_loss(TASK).loss.backward()
    assert point.w.grad is not None
    return point.w.grad, learner


def test_one_step_of_maml() -> None:
    end = START - ALPHA * A @ (START - SUPPORT)
    expected = (torch.eye(2) - ALPHA * A) @ C @ (end - QUERY)
    torch.testing.assert_close(meta_gradient("maml")[0], expected)


def test_one_step_of_fomaml() -> None:
    end = START - ALPHA * A @ (START - SUPPORT)
    torch.testing.assert_close(meta_gradient("fomaml")[0], C @ (end - QUERY))


def test_one_step_of_meta_sgd() -> None:
    """d L_query / d log alpha_i = -alpha g_i [C (phi_1 - q)]_i"""
    slope = A @ (START - SUPPORT)
    at_end = C @ (START - ALPHA * slope - QUERY)
    gradient, learner = meta_gradient("meta-sgd")
    torch.testing.assert_close(gradient, at_end - ALPHA * A @ at_end)
    (rates,) = learner.rule.parameters()
    assert rates.grad is not None
    torch.testing.assert_close(rates.grad, -ALPHA * slope * at_end)


@pytest.mark.parametrize("steps", [1, 4])
def test_reptile(steps: int) -> None:
    """phi_k - s = (I - alpha A)^k (phi_0 - s), and the pseudo-gradient is phi_0 - phi_k."""
    shrink = torch.linalg.matrix_power(torch.eye(2, dtype=torch.float64) - ALPHA * A, steps)
    end = SUPPORT + shrink @ (START - SUPPORT)
    torch.testing.assert_close(meta_gradient("reptile", steps)[0], START - end)


def test_reptile_with_plain_outer_sgd_is_the_published_update() -> None:
    gradient, learner = meta_gradient("reptile", 4)
    assert isinstance(learner.start, ModuleStart)
    end = learner.adapt(TASK).params["w"]
    moved = START - 0.25 * gradient
    torch.testing.assert_close(moved, START + 0.25 * (end - START))


def test_maml_several_steps() -> None:
    shrink = torch.linalg.matrix_power(torch.eye(2, dtype=torch.float64) - ALPHA * A, 3)
    end = SUPPORT + shrink @ (START - SUPPORT)
    torch.testing.assert_close(meta_gradient("maml", 3)[0], shrink @ C @ (end - QUERY))


def test_the_outer_loop_finds_the_best_start() -> None:
    """With one inner step on each of two tasks, the best start solves a linear system."""
    other = Task((C, QUERY), (A, SUPPORT))
    point = Point()
    learner = make_algorithm("maml", ModuleStart(point), quadratic, InnerConfig(steps=1, lr=ALPHA)).double()
    outer = OuterLoop(learner, OuterConfig(steps=150, lr=0.1, final_lr=1e-4))
    for _ in range(150):
        outer.step([TASK, other])
    eye = torch.eye(2, dtype=torch.float64)
    system, right = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for inner, s, judge, q in ((A, SUPPORT, C, QUERY), (C, QUERY, A, SUPPORT)):
        shrink = eye - ALPHA * inner  # phi_1 = shrink phi_0 + alpha inner s
        system += shrink @ judge @ shrink
        right += shrink @ judge @ (q - ALPHA * inner @ s)
    torch.testing.assert_close(point.w.detach(), torch.linalg.solve(system, right), rtol=1e-3, atol=1e-3)
