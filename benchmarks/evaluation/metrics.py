"""What the benchmarks measure, as plain functions on tensors. No network is chosen here.

Features are dictionaries from a layer's name to its activations ``(B, C, H, W)``; a *style
statistic* is a dictionary from a layer's name to one Gram matrix ``(C, C)``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

Features = Mapping[str, Tensor]
StyleStatistic = Mapping[str, Tensor]

QUANTILES = 256  # resolution at which two sorted projections are compared
PROJECTIONS = 32


def gram(activations: Tensor) -> Tensor:
    """Uncentred Gram matrix per picture, divided by the number of positions.

    ``(B, C, H, W) -> (B, C, C)``, ``G[b, i, j] = sum_p F[b, i, p] F[b, j, p] / (H W)``: pictures of
    different sizes are comparable (Gatys et al. 2016, equation 3, up to that factor).
    """
    flat = activations.flatten(2)  # (B, C, HW)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def grams(features: Features) -> dict[str, Tensor]:
    """Gram matrices of every layer: ``{layer: (B, C, C)}``."""
    return {layer: gram(activations) for layer, activations in features.items()}


def relative_gram_distance(picture: StyleStatistic, target: StyleStatistic) -> float:
    """Distance of a picture's Gram matrices to a target's, relative to the target's size.

    ``d(x) = mean over layers of ||G_l(x) - T_l||_F^2 / ||T_l||_F^2``; 0 for equal statistics, 1 for a
    picture without activations. It is *not* symmetric: the target sets the scale.
    """
    per_layer = [
        float((picture[layer] - target[layer]).square().sum() / target[layer].square().sum())
        for layer in target
    ]
    return sum(per_layer) / len(per_layer)


def relative_content_distance(results: Tensor, photos: Tensor) -> Tensor:
    """``||F(result) - F(photo)||^2 / ||F(photo)||^2`` of one layer's activations: ``(B,)``."""
    return (results - photos).square().sum((1, 2, 3)) / photos.square().sum((1, 2, 3))


def structure_distance(results: Tensor, photos: Tensor) -> Tensor:
    """``1 - cos`` between the flattened last activation maps of result and photo: ``(B,)`` in 0..2.

    The map is compared position by position, so an object that moved counts as changed.
    """
    cosine = torch.nn.functional.cosine_similarity(results.flatten(1), photos.flatten(1), dim=1)
    return (1.0 - cosine).clamp_min(0)  # rounding can lift a cosine above 1


def random_directions(channels: int = 3, *, seed: int = 0, count: int = PROJECTIONS) -> Tensor:
    """``count`` random unit vectors, by default in RGB space: ``(count, channels)``."""
    directions = torch.randn(count, channels, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(directions, dim=1)


def projected_quantiles(channels: Tensor, directions: Tensor) -> Tensor:
    """Quantiles of positions along each direction: ``(C, H, W)`` and ``(P, C)`` to ``(P, QUANTILES)``."""
    return _quantiles((directions @ channels.flatten(1)).cpu())


def pooled_quantiles(quantiles: Sequence[Tensor]) -> Tensor:
    """Quantiles of several pictures together, each counting the same: ``(P, QUANTILES)``.

    Raises:
        ValueError: no picture.
    """
    if not quantiles:
        raise ValueError("quantiles of no pictures")
    return _quantiles(torch.cat(list(quantiles), dim=1))


def _quantiles(values: Tensor) -> Tensor:
    # numpy sorts float32 with vector instructions, several times faster than torch on a CPU
    ordered = torch.from_numpy(np.sort(values.numpy(), axis=1))
    middles = (torch.arange(QUANTILES) + 0.5) / QUANTILES * values.shape[1]
    return ordered[:, middles.long()]


def sliced_wasserstein(first: Tensor, second: Tensor) -> float:
    """Sliced 2-Wasserstein distance of two distributions given by their quantiles.

    Root of the mean over projections and levels of the squared difference (Bonneel et al. 2015);
    symmetric, in units of the channels (for colors 0..1).
    """
    return float((first - second).square().mean().sqrt())


def polynomial_mmd(first: Sequence[Tensor], second: Sequence[Tensor]) -> float | None:
    """Squared maximum mean discrepancy of two sets of pictures, unbiased over pictures.

    A picture is a set of patches ``(N, D)``; the kernel of two pictures is the mean over their patches of
    ``(x . y / D + 1)^3``, the kernel of KID (Bińkowski et al. 2018). Pairs within one picture are left out,
    so that an expectation over pictures is estimated without bias; single values may be negative.

    Returns:
        None when a set has fewer than two pictures: there is no unbiased estimate.
    """
    if min(len(first), len(second)) < 2:
        return None
    within = [_mean_kernel(pictures, pictures, skip_own=True) for pictures in (first, second)]
    return sum(within) - 2 * _mean_kernel(first, second)


def _mean_kernel(first: Sequence[Tensor], second: Sequence[Tensor], *, skip_own: bool = False) -> float:
    values = [
        float((x.double() @ y.double().T / x.shape[1] + 1).pow(3).mean())
        for i, x in enumerate(first)
        for j, y in enumerate(second)
        if not (skip_own and i == j)
    ]
    return sum(values) / len(values)
