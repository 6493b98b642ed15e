"""Enlargement and convolution in the other order: 16 products for four pixels instead of 36.

Bilinear enlargement is doubling every pixel and then blurring with (1, 2, 1) / 4 along both sides. The blur
is moved behind the convolution, and doubling and convolution are one transposed convolution (decision 67).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_TAPS = torch.tensor([0.25, 0.5, 0.25])


def doubling(kernel: Tensor) -> Tensor:
    """A convolution of the picture in which every pixel is doubled, as a transposed one with stride 2.

    (out, in, 3, 3) -> (in, out, 4, 4).
    """
    doubled = kernel.new_zeros(kernel.shape[1], kernel.shape[0], 4, 4)
    for down in (0, 1):
        for right in (0, 1):
            doubled[:, :, down : down + 3, right : right + 3] += kernel.flip(2, 3).transpose(0, 1)
    return doubled


def blur(channels: int) -> Tensor:
    """Kernels of the blur, one group a channel: (C, 1, 3, 3)."""
    return torch.outer(_TAPS, _TAPS).expand(channels, 1, 3, 3).contiguous()


def convolve_enlarged(x: Tensor, doubled: Tensor, blurring: Tensor, bias: Tensor | None) -> Tensor:
    """``x`` with one pixel of border, (1, C, H + 2, W + 2) -> (1, D, 2H, 2W), channels last.

    That of the enlarged picture but for its outermost pixels, if the border repeats those of the picture.
    """
    y = F.conv_transpose2d(x, doubled, stride=2, padding=2)
    return F.conv2d(y, blurring, bias, groups=len(blurring))
