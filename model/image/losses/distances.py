"""Computes the distances of a render's statistics to a style's, one value a sample.

The style terms count every channel: a plain relative Gram loss is ruled by a few loud channels and
rewards grey pictures with a grid. So means and spreads are measured in units of the style's own
spread, and covariances are compared twice, raw and as correlations.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.losses.statistics import (
    MOBILE_LAYERS,
    VGG_LAYERS,
    StyleStatistics,
)

SCATTER = 6.0  # how much works that differ among themselves count for less (docs/lab-notes.md)


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms in the total."""

    moments: float = 3.0  # channel means and log standard deviations
    covariance: float = 3.5  # raw and normalised centred covariances
    mobile: float = 6.5  # both on the second network
    gram: float = 1.5  # Gram matrices of both networks
    color: float = 6.0  # sliced Wasserstein distance of colours
    patches: float = 0.0  # every place of the picture to the place in the examples that is most like it


def moment_distance(
    x: StyleStatistics, style: StyleStatistics, layers: tuple[str, ...] = VGG_LAYERS
) -> Tensor:
    """Distance of channel means and log spreads, in units of the style's own spread.

    ``mean_c h(((mu_x - mu_s) / s)^2) + mean_c (log (sigma_x + e) / (sigma_s + e))^2`` with
    ``s = sigma_s + e`` and e a tenth of the layer's average spread, averaged over layers (the
    statistics of Huang & Belongie 2017, normalised per style); h: see ``robust``.
    """
    total = torch.zeros((), device=x.colors.device)
    for layer in layers:
        sigma_s, sigma_x = style.std(layer), x.std(layer)
        floor = 0.1 * sigma_s.mean(1, keepdim=True)
        spread = sigma_s + floor
        means = robust(((x.mean[layer] - style.mean[layer]) / spread).square()).mean(1)
        spreads = ((sigma_x + floor) / spread).log().square().mean(1)
        total = total + means + spreads
    return total / len(layers)


def covariance_distance(
    x: StyleStatistics, style: StyleStatistics, layers: tuple[str, ...] = VGG_LAYERS
) -> Tensor:
    """Relative squared Frobenius distance of centred covariances, raw and scaled to correlations.

    Made robust: flat styles (line drawings) have hardly any covariance to be relative to. For the same
    reason a hundredth of the render's own norm is added to the style's.
    """
    total = torch.zeros((), device=x.colors.device)
    for layer in layers:
        c_s, c_x = style.covariance(layer), x.covariance(layer)
        difference = (c_x - c_s).square()
        size = c_s.square() + 0.01 * c_x.detach().square()
        sigma = style.std(layer)
        scale = 1 / (sigma + 0.1 * sigma.mean(1, keepdim=True)).square()  # (B, C)
        raw = difference.sum((1, 2)) / size.sum((1, 2)).clamp_min(1e-12)
        scaled = _weighted_sum(difference, scale) / _weighted_sum(size, scale).clamp_min(1e-12)
        total = total + 0.5 * (robust(raw) + robust(scaled))
    return total / len(layers)


def mobile_distance(x: StyleStatistics, style: StyleStatistics) -> Tensor:
    """(B,): both distances on MobileNetV2, which is not pleased by what pleases VGG16 alone."""
    return moment_distance(x, style, MOBILE_LAYERS) + covariance_distance(x, style, MOBILE_LAYERS)


def _weighted_sum(matrix: Tensor, weight: Tensor) -> Tensor:
    """(B, C, C), (B, C) -> (B,): sum_ij w_i m_ij w_j, without a matrix of weights."""
    return ((matrix @ weight.unsqueeze(2)).squeeze(2) * weight).sum(1)


def robust(squared: Tensor) -> Tensor:
    """Pseudo-Huber ``2 (sqrt(1 + z) - 1)``: the squared distance z where small, its root where large."""
    return 2 * ((1 + squared).sqrt() - 1)


def gram_distance(x: StyleStatistics, style: StyleStatistics, layers: tuple[str, ...] = VGG_LAYERS) -> Tensor:
    """Relative squared distance of Gram matrices (Gatys et al. 2016), averaged over layers.

    ``mean_l |G_x - G_s|^2 / (|G_s|^2 + SCATTER var_s)``, ``var_s`` being the variance of the works that the
    style was pooled from: where they differ among themselves, their mean says less about the artist's next
    work, and the layer counts less. In shallow layers that is how bright the works are. One work is taken to
    be as uncertain as works usually are (``pool``); a picture that was not pooled has var_s = 0.
    """
    total = torch.zeros((), device=x.colors.device)
    for layer in layers:
        g_x, g_s = x.second[layer], style.second[layer]
        size = g_s.square().sum((1, 2)) + SCATTER * style.scatter.get(layer, 0.0)
        total = total + (g_x - g_s).square().sum((1, 2)) / size.clamp_min(1e-12)
    return total / len(layers)


def both_gram_distance(x: StyleStatistics, style: StyleStatistics) -> Tensor:
    """(B,): robust Gram distances on both networks.

    What the other terms leave out: they are centred, and every channel counts the same in them. Alone it is
    a bad loss (see above); beside them it keeps the loud channels in step.
    """
    return robust(gram_distance(x, style, VGG_LAYERS)) + robust(gram_distance(x, style, MOBILE_LAYERS))


def sliced_wasserstein(x: Tensor, y: Tensor, projections: Tensor) -> Tensor:
    """Squared sliced Wasserstein-2 distance of two point sets (B, N, D) along unit directions (D, P), or
    along directions of their own, (B, D, P)."""
    a = (x @ projections).sort(1).values
    b = (y @ projections).sort(1).values
    return (a - b).square().mean((1, 2))


DIRECTIONS = 16  # along which colours are compared


def color_directions(generator: torch.Generator | None = None, device: torch.device | None = None) -> Tensor:
    """(3, DIRECTIONS) random unit vectors, from a generator of that device (None: the CPU, torch's own)."""
    return F.normalize(torch.randn(3, DIRECTIONS, generator=generator, device=device), dim=0)


def color_distance(x: StyleStatistics, style: StyleStatistics, directions: Tensor | None = None) -> Tensor:
    """Sliced Wasserstein distance of colours, relative to the spread of the style's palette.

    ``directions``: (3, P), or (B, 3, P). None: drawn from torch's generator, an unbiased estimate and another
    one at each call.
    """
    device = x.colors.device
    projections = color_directions(device=device) if directions is None else directions.to(device)
    spread = style.colors.var(1).sum(1) / 3
    return sliced_wasserstein(x.colors, style.colors, projections) / (spread + 0.02)


@dataclass(frozen=True)
class LossTerms:
    """Terms of B renders, each (B,)."""

    moments: Tensor
    covariance: Tensor
    mobile: Tensor
    gram: Tensor
    color: Tensor
    patches: Tensor

    def style(self, weights: LossWeights) -> Tensor:
        """The weighted style terms (B,)."""
        return (
            weights.moments * self.moments
            + weights.covariance * self.covariance
            + weights.mobile * self.mobile
            + weights.gram * self.gram
            + weights.color * self.color
            + weights.patches * self.patches
        )
