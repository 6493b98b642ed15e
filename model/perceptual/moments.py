"""Moments of feature maps and the content distance, with their gradients written out.

A backward pass by autograd walks through every elementwise step in float32, in a dozen passes over maps of
tens of megabytes. Both gradients are linear in the features: one product of matrices, and three passes.
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


def content_layer_distance(feature: Tensor, target: Tensor) -> Tensor:
    """(B,): mean squared difference of ``normalized(feature)`` and ``target`` (B, C, H, W), a constant."""
    if not (torch.is_grad_enabled() and feature.requires_grad) or target.requires_grad:
        return _content(feature, target)
    distance: Tensor = _Content.apply(feature, target)
    return distance


def _content(feature: Tensor, target: Tensor) -> Tensor:
    return (normalized(feature) - target).square().mean((1, 2, 3))


class _Content(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, feature: Tensor, target: Tensor) -> Tensor:
        flat, wanted = _wide(flatten(feature)), flatten(target)
        found, divisor, sigma = _normalize(flat)
        difference = found - wanted
        ctx.save_for_backward(feature, target, found, difference, divisor, sigma)
        return difference.square().mean((1, 2))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        feature, target, found, difference, divisor, sigma = ctx.saved_tensors
        if torch.is_grad_enabled():
            distance = _content(feature, target)
            return torch.autograd.grad(distance, feature, grad, create_graph=True)[0], None
        count, channels = found.shape[1:]
        scale = (2 * grad / (count * channels)).view(-1, 1)  # dL/d_found = scale * difference
        d_divisor = -scale * (difference * found).sum(1) / divisor  # (B, C)
        d_sigma = d_divisor + 0.1 * d_divisor.mean(1, keepdim=True)
        gain = scale / divisor
        # d_feature = gain (difference - its mean) + d_sigma / (N sigma) (feature - its mean)
        offset = -gain * difference.mean(1)
        along = d_sigma * divisor / (count * sigma)
        back = torch.addcmul(offset.unsqueeze(1), difference, gain.unsqueeze(1))
        back = back.addcmul_(found, along.unsqueeze(1)).to(feature.dtype)
        return _unflatten(back, feature.shape), None


def normalized(feature: Tensor) -> Tensor:
    """Instance normalisation in float32, with a floor a tenth of the average spread for silent channels."""
    return _unflatten(_normalize(_wide(flatten(feature)))[0], feature.shape)


def _normalize(flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, N, C) -> the same centred and divided, and the divisor and the standard deviation (B, C)."""
    centred = flat - flat.mean(1, keepdim=True)
    sigma = (centred.square().mean(1) + 1e-8).sqrt()
    divisor = sigma + 0.1 * sigma.mean(1, keepdim=True)
    return centred / divisor.unsqueeze(1), divisor, sigma


def flatten(feature: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H W, C), without a copy where the maps are channels-last."""
    return feature.permute(0, 2, 3, 1).flatten(1, 2)


def _unflatten(flat: Tensor, shape: torch.Size) -> Tensor:
    return flat.reshape(len(flat), *shape[2:], -1).permute(0, 3, 1, 2)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
