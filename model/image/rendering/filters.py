"""Means and enlargements of pictures, as the steps of a redraw use them."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """(B, C, h, w) at the height and width of ``like``, bilinearly."""
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def box(x: Tensor, reach: int) -> Tensor:
    """Means of squares of ``2 reach + 1`` a side; the border repeats."""
    return F.avg_pool2d(F.pad(x, (reach,) * 4, mode="replicate"), 2 * reach + 1, 1)
