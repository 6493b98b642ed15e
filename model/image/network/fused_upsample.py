"""Enlarges after the convolution instead of before: 16 products for four pixels instead of 36.

Bilinear enlargement is doubling every pixel and then blurring with (1, 2, 1) / 4 along both sides. The blur
is moved behind the convolution, and doubling and convolution are one transposed convolution (decision 39).
"""

from __future__ import annotations

import torch
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
