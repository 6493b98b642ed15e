"""The network of Johnson et al. 2016 with instance normalisation, as MetaStyle (Zhang et al. 2019) uses it.

Written from the papers' description and with random weights: a peer in speed, not in quality.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Johnson(nn.Module):
    """(B, 3, H, W) -> the same; H and W multiples of 4: 9x9, two strides, five blocks, two upsamplings."""

    def __init__(self, width: int = 32, blocks: int = 5) -> None:
        super().__init__()
        w = width
        self.down = nn.Sequential(_layer(3, w, 9), _layer(w, 2 * w, 3, 2), _layer(2 * w, 4 * w, 3, 2))
        self.blocks = nn.ModuleList(
            nn.Sequential(_layer(4 * w, 4 * w, 3), _layer(4 * w, 4 * w, 3, relu=False)) for _ in range(blocks)
        )
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2),
            _layer(4 * w, 2 * w, 3),
            nn.Upsample(scale_factor=2),
            _layer(2 * w, w, 3),
            nn.Conv2d(w, 3, 9, padding=4, padding_mode="reflect"),
        )

    def forward(self, photos: Tensor) -> Tensor:
        """Render; 0..1 in and out."""
        x = self.down(photos)
        for block in self.blocks:
            x = x + block(x)
        return torch.sigmoid(self.up(x))


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1, *, relu: bool = True) -> nn.Module:
    parts: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, padding_mode="reflect"),
        nn.InstanceNorm2d(outputs, affine=True),
    ]
    return nn.Sequential(*parts, nn.ReLU()) if relu else nn.Sequential(*parts)
