"""Computes moments of feature maps, with their gradient written out.

A backward pass by autograd walks through every elementwise step in float32, in a dozen passes over maps of
tens of megabytes. The gradient is linear in the features: one product of matrices, and three passes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def moments(feature: Tensor) -> tuple[Tensor, Tensor]:
    """(B, C, H, W) -> mean (B, C) and second moments E[f f^T] (B, C, C), float32; twice differentiable."""
    if not (torch.is_grad_enabled() and feature.requires_grad):
        return _moments(feature)
    mean, second = _Moments.apply(feature)
    return mean, second


def _moments(feature: Tensor) -> tuple[Tensor, Tensor]:
    flat = _wide(flatten(feature))
    # Not in bf16: where means are large, covariances are small differences of large second moments.
    with torch.autocast(flat.device.type, enabled=False):
        return flat.mean(1), torch.bmm(flat.transpose(1, 2), flat) / flat.shape[1]


class _Moments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, feature: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(feature)
        return _moments(feature)

    @staticmethod
    def backward(ctx: Any, d_mean: Tensor, d_second: Tensor) -> Any:
        (feature,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted: leave it to torch
            found = _moments(feature)
            return torch.autograd.grad(found, feature, (d_mean, d_second), create_graph=True)[0]
        flat = flatten(feature)
        count = flat.shape[1]
        # sum_n dL/dE[f f^T]: f_n (S + S^T) / N, and dL/dE[f] / N at every position
        weight = ((d_second + d_second.transpose(1, 2)) / count).to(flat.dtype)
        return _unflatten(
            torch.baddbmm((d_mean / count).to(flat.dtype).unsqueeze(1), flat, weight), feature.shape
        )


def flatten(feature: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H W, C), without a copy where the maps are channels-last."""
    return feature.permute(0, 2, 3, 1).flatten(1, 2)


def _unflatten(flat: Tensor, shape: torch.Size) -> Tensor:
    return flat.reshape(len(flat), *shape[2:], -1).permute(0, 3, 1, 2)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
