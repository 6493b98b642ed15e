"""Means and enlargements of pictures, as the steps of a redraw use them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """(B, C, h, w) at the height and width of ``like``, bilinearly."""
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def box(x: Tensor, reach: int) -> Tensor:
    """Means of squares of ``2 reach + 1`` a side; the border repeats.

    Shifted pictures are added up, first down and then across: several times as fast as pooling on a CPU.
    """
    side = 2 * reach + 1
    total = F.pad(x, (reach,) * 4, mode="replicate")
    for dim in (2, 3):
        shifted, length = total, total.shape[dim] - 2 * reach
        total = shifted.narrow(dim, 0, length).clone()
        for shift in range(1, side):
            total += shifted.narrow(dim, shift, length)
    return total / side**2


def doubled_angle(light: Tensor) -> Tensor:
    """Cosine and sine of twice the angle of the gradient, times its square: (B, 1, H, W) -> (B, 2, H, W).

    Edges of opposite gradients add up in it, as in the structure tensor (Bigün & Granlund 1987).
    """
    padded = F.pad(light, (1,) * 4, mode="replicate")
    across = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    return torch.cat([across.square() - down.square(), 2 * across * down], 1)
