"""The gradients that are written out: equal to the numerical ones, once and twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from model.image.losses.moments import moments
from model.image.network.instance_norm import _together, instance_norm


def doubles(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, dtype=torch.double, generator=generator).requires_grad_()


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (instance_norm, (doubles(2, 3, 4, 5), doubles(2, 3), doubles(2, 3))),
        (moments, (doubles(2, 3, 4, 5),)),
    ],
    ids=["instance norm", "moments"],
)
def test_gradients_equal_the_numerical_ones(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]):
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


def test_what_needs_no_gradient_gets_none_and_the_values_are_the_same() -> None:
    x, gamma, beta = doubles(2, 3, 4, 5), doubles(2, 3), doubles(2, 3)
    found = instance_norm(x.detach(), gamma.detach(), beta.detach())
    assert not found.requires_grad
    torch.testing.assert_close(found, instance_norm(x, gamma, beta).detach())
    (only,) = torch.autograd.grad(instance_norm(x.detach(), gamma, beta.detach()).square().sum(), gamma)
    assert float(only.abs().min()) > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_samples_normalised_together_are_those_one_by_one(dtype: torch.dtype) -> None:
    """What an accelerator does with several samples, against torch's kernel for each."""
    torch.manual_seed(0)
    x = (3 + 2 * torch.randn(3, 4, 6, 5)).to(dtype).contiguous(memory_format=torch.channels_last)
    gamma, beta = torch.rand(3, 4) + 0.5, torch.randn(3, 4)
    found = _together(x, gamma, beta)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    rounding = 1e-4 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found, instance_norm(x, gamma, beta), rtol=rounding, atol=rounding)


def test_small_covariances_beside_large_means_survive_bf16() -> None:
    """A covariance is a difference of second moments; products rounded to bf16 would leave noise of it."""
    generator = torch.Generator().manual_seed(0)
    maps = (5 + 0.2 * torch.randn(1, 8, 32, 32, generator=generator)).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        mean, second = moments(maps)
    flat = maps.double().flatten(2)
    expected = torch.cov(flat[0], correction=0)
    found = (second - mean.unsqueeze(2) * mean.unsqueeze(1))[0].double()
    assert float((found - expected).norm() / expected.norm()) < 0.01
