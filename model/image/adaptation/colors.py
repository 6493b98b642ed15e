"""Gives renders the contrast and the spread of colours that the works have.

Inner steps leave renders paler: where a loss cannot tell which colour goes where, the mean costs least. The
network ends with an affine map of colours before a sigmoid, so the one that mends this is known in closed
form (colour transfer, Reinhard et al. 2001).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

DARKEST = 0.02  # bound of light, 0..1, and of its distance from white
SHIFT = 0.5  # share of the way from the renders' mean colour to the works', since photos show other things
LEAST, MOST = 0.9, 1.5  # times the contrast, and the spread of colours


def matched_color(color: Tensor, renders: Sequence[Tensor], works: Sequence[Tensor]) -> Tensor:
    """The affine map of colours with which renders have the contrast of the works.

    Args:
        color: ``phi["color"]`` of one style, (1, 3, 4): a matrix and an offset.
        renders: drawn with it, (3, H, W) each in 0..1.
        works: (3, H, W) each in 0..1, of any size.
    """
    mean, contrast, spread = _moments(renders)
    wanted_mean, wanted_contrast, wanted_spread = _moments(works)
    of_light = (wanted_contrast / contrast.clamp_min(1e-6)).clamp(LEAST, MOST)
    of_color = (wanted_spread / spread.clamp_min(1e-6)).clamp(LEAST, MOST)
    gain = of_color * torch.eye(3, device=color.device) + (of_light - of_color) / 3
    matrix, offset = color[0, :, :3], color[0, :, 3]
    moved = gain @ (offset - mean) + torch.lerp(mean, wanted_mean, SHIFT)
    return torch.cat([gain @ matrix, moved[:, None]], 1)[None]


def _moments(pictures: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean colour (3,), and within pictures the deviation of light and that of colour beside it."""
    means, contrasts, spreads = [], [], []
    for picture in pictures:
        x = picture.flatten(1).clamp(DARKEST, 1 - DARKEST).logit()
        centred = x - x.mean(1, keepdim=True)
        light = centred.mean(0)
        means.append(x.mean(1))
        contrasts.append(light.std())
        spreads.append((centred - light).square().sum(0).mean().sqrt())
    mean, contrast, spread = (torch.stack(found).mean(0) for found in (means, contrasts, spreads))
    return mean, contrast, spread
