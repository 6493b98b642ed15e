"""Compares single places of a picture with single places of the examples.

Statistics are sums over a picture: they do not say where, and a pattern that no example has is as good as any
other with its sums. Where a photo is smooth a network makes such patterns. Here every place of a render has
to look like some place in the examples (nearest-neighbour matching of features: Li & Wand 2016, Kolkin et al.
2022, Zhang et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.losses.moments import flatten

PATCH_LAYERS = ("relu2_2", "relu3_3")  # what 14 and 40 pixels of a picture look like
PATCH_SAMPLES = 1536  # positions of each layer: of 256 x 256 pixels, every third of relu3_3


def patch_samples(feature: Tensor, count: int = PATCH_SAMPLES) -> Tensor:
    """(B, C, H, W) -> (B, count, C): features on an even grid of the positions, scaled to length 1."""
    flat = flatten(feature)  # (B, N, C)
    chosen = flat[:, even_grid(flat.shape[1], count, flat.device)]
    return F.normalize(chosen.to(torch.promote_types(chosen.dtype, torch.float32)), dim=2)


def even_grid(positions: int, count: int, device: torch.device) -> Tensor:
    """(count,): indices from the first to the last of ``positions``, with repeats where there are fewer."""
    return torch.linspace(0, positions - 1, count, device=device).round().long()


def patch_distance(x: Mapping[str, Tensor], style: Mapping[str, Tensor]) -> Tensor:
    """(B,): mean cosine distance of a render's places to the nearest of the style's, averaged over layers.

    ``x[layer]``: (B, P, C), ``style[layer]``: (B, Q, C), both of length 1. Which place is nearest is a
    constant to the gradient.
    """
    distances = []
    for layer, features in x.items():
        wanted = style[layer]
        with torch.no_grad():
            nearest = (features @ wanted.transpose(1, 2)).argmax(2, keepdim=True)  # (B, P, 1)
        found = wanted.gather(1, nearest.expand(-1, -1, wanted.shape[2]))
        distances.append((1 - (features * found).sum(2)).mean(1))
    return torch.stack(distances).mean(0)
