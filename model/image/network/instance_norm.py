"""Normalises instances conditionally, with the gradient written out.

torch has no kernel with a scale and a shift per sample, and on the CPU its gradient of a normalisation is
two to three times slower than this one on channels-last pictures.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-5


def instance_norm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """(B, C, H, W), (B, C), (B, C) -> (B, C, H, W): every channel to mean beta and deviation gamma.

    Statistics are float32 whatever the precision of ``x`` (or wider). Differentiable, and twice too.
    """
    if not torch.is_grad_enabled() or not (x.requires_grad or gamma.requires_grad or beta.requires_grad):
        return _plain(x, gamma, beta)
    normalized: Tensor = _InstanceNorm.apply(x, gamma, beta)
    return normalized


def _plain(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Sample by sample with torch's own kernel, which keeps the memory format of one sample.

    Several samples on an accelerator go together: there the launches of kernels for each cost more than the
    arithmetic of all.
    """
    if len(x) > 1 and x.device.type != "cpu":
        return _together(x, gamma, beta)
    gamma, beta = gamma.to(x.dtype), beta.to(x.dtype)
    samples = [
        F.batch_norm(x[i : i + 1], None, None, gamma[i], beta[i], training=True, eps=EPSILON)
        for i in range(len(x))
    ]
    return samples[0] if len(samples) == 1 else torch.cat(samples)


def _together(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """All samples in one go: statistics of (B, N, C) over N, then one scale and one shift a channel."""
    flat = _flat(x).to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(flat, 1, correction=0)  # (B, C)
    scale = gamma * (variance + EPSILON).rsqrt()
    shift = beta - mean * scale
    y = torch.addcmul(shift.unsqueeze(1), flat, scale.unsqueeze(1)).to(x.dtype)
    return y.view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)


class _InstanceNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        ctx.save_for_backward(x, gamma, beta)
        return _plain(x, gamma, beta)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        x, gamma, beta = ctx.saved_tensors
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted: leave it to torch
            with torch.enable_grad():
                y = _plain(x, gamma, beta)
            return torch.autograd.grad(y, (x, gamma, beta), grad, create_graph=True, allow_unused=True)
        wide = torch.promote_types(x.dtype, torch.float32)
        flat, g = _flat(x).to(wide), _flat(grad).to(wide)  # (B, N, C)
        count = flat.shape[1]
        mean = flat.mean(1)  # (B, C)
        centred = flat - mean.unsqueeze(1)
        inverse = (centred.square().mean(1) + EPSILON).rsqrt()
        d_beta = g.sum(1)
        along = (g * centred).sum(1)  # sum of g (x - mean)
        d_gamma = along * inverse
        # d_x = gamma / sigma (g - mean(g) - x_hat mean(g x_hat))
        scale = gamma.to(x.dtype).to(wide) * inverse
        d_x = torch.addcmul((-d_beta / count * scale).unsqueeze(1), g, scale.unsqueeze(1))
        d_x = d_x.addcmul_(centred, (-along / count * inverse.square() * scale).unsqueeze(1))
        back = d_x.to(x.dtype).view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)
        return back, d_gamma.to(gamma.dtype), d_beta.to(beta.dtype)


def _flat(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H W, C), without a copy where x is channels-last."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)
