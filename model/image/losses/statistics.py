"""Gathers the statistics that describe the style of a picture.

Per layer of the perceptual networks: channel means and the second-moment (Gram) matrix, from which
standard deviations and centred covariances follow; and a sample of colours. Moments add up: the
statistics of K works are the average of their moments, so the pooled spread holds the spread
*between* the works too and does not fade as K grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.losses.moments import moments
from model.image.losses.patches import PATCH_LAYERS, even_grid, patch_samples

VGG_LAYERS = ("relu1_1", "relu1_2", "relu2_2", "relu3_3", "relu4_1")
MOBILE_LAYERS = ("mobile.stem", "mobile.block0", "mobile.block2", "mobile.block5", "mobile.block9")
STYLE_LAYERS = (*VGG_LAYERS, *MOBILE_LAYERS)
PLASTIC = 0.7548776662466927  # the real x with 1 / x^3 = 1 / x + 1
COLOR_SAMPLES = 1024  # pixels kept of each picture, after a 4x average
# Variance of an artist's Gram matrices, of the size of one: over 100 artists, scripts/usual_scatter.py.
USUAL_SCATTER = {
    "relu1_1": 0.30,
    "relu1_2": 0.48,
    "relu2_2": 0.22,
    "relu3_3": 0.26,
    "relu4_1": 0.23,
    "mobile.stem": 0.01,
    "mobile.block0": 0.05,
    "mobile.block2": 0.09,
    "mobile.block5": 0.09,
    "mobile.block9": 0.10,
}


@dataclass(frozen=True)
class StyleStatistics:
    """Statistics of B styles.

    ``mean[layer]``: (B, C); ``second[layer]``: (B, C, C) raw second moments E[f f^T] over positions
    (the Gram matrix over the number of positions); ``colors``: (B, N, 3) RGB samples in 0..1;
    ``scatter[layer]``: (B,) variance of the Gram matrices of the works that were pooled, summed over the
    entries. Pictures that were not pooled have none: no layers. ``patches[layer]``: (B, P, C) features at P
    positions, of length 1; only where they were asked for.
    """

    mean: dict[str, Tensor]
    second: dict[str, Tensor]
    colors: Tensor
    scatter: dict[str, Tensor] = field(default_factory=dict)
    patches: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.colors.shape[0]

    def covariance(self, layer: str) -> Tensor:
        """Centred covariance (B, C, C)."""
        mean = self.mean[layer]
        return self.second[layer] - mean.unsqueeze(2) * mean.unsqueeze(1)

    def std(self, layer: str) -> Tensor:
        """Channel standard deviations (B, C)."""
        variance = self.second[layer].diagonal(dim1=1, dim2=2) - self.mean[layer].square()
        return variance.clamp_min(0).add(1e-8).sqrt()

    def __getitem__(self, index: Tensor | slice | list[int]) -> StyleStatistics:
        return StyleStatistics(
            {k: v[index] for k, v in self.mean.items()},
            {k: v[index] for k, v in self.second.items()},
            self.colors[index],
            {k: v[index] for k, v in self.scatter.items()},
            {k: v[index] for k, v in self.patches.items()},
        )


def color_samples(images: Tensor, count: int = COLOR_SAMPLES) -> Tensor:
    """(B, 3, H, W) -> (B, count, 3): colours of a 4x averaged picture on an even grid of its pixels."""
    flat = F.avg_pool2d(images, 4, ceil_mode=True).flatten(2)  # (B, 3, N)
    return flat[:, :, even_grid(flat.shape[2], count, images.device)].transpose(1, 2)


def statistics(features: dict[str, Tensor], images: Tensor, *, patches: bool = False) -> StyleStatistics:
    """Statistics of B pictures from their features {layer: (B, C, H, W)} and the pictures themselves.

    ``patches``: with samples of single positions.
    """
    mean, second = {}, {}
    for layer in STYLE_LAYERS:
        mean[layer], second[layer] = moments(features[layer])
    samples = {layer: patch_samples(features[layer]) for layer in PATCH_LAYERS} if patches else {}
    return StyleStatistics(mean, second, color_samples(images.float()), patches=samples)


def concatenate(parts: Sequence[StyleStatistics]) -> StyleStatistics:
    """Stack statistics along the batch."""
    return StyleStatistics(
        {k: torch.cat([p.mean[k] for p in parts]) for k in parts[0].mean},
        {k: torch.cat([p.second[k] for p in parts]) for k in parts[0].second},
        torch.cat([p.colors for p in parts]),
        _scatter(parts),
        {k: torch.cat([p.patches[k] for p in parts]) for k in parts[0].patches},
    )


def _scatter(parts: Sequence[StyleStatistics]) -> dict[str, Tensor]:
    layers = {layer for part in parts for layer in part.scatter}
    return {
        layer: torch.cat([p.scatter.get(layer, p.colors.new_zeros(len(p))) for p in parts])
        for layer in STYLE_LAYERS
        if layer in layers
    }


def _usual_variance(matrices: Tensor, layer: str) -> Tensor:
    """(B, C, C) -> (B,): what is assumed where a style is one work."""
    return USUAL_SCATTER[layer] * matrices.square().sum((1, 2))


def _variance(matrices: Tensor, layer: str) -> Tensor:
    """(K, C, C) -> (1,): the unbiased variance over K, summed over the entries; the usual one where K = 1."""
    if len(matrices) == 1:
        return _usual_variance(matrices, layer)
    return (matrices - matrices.mean(0, keepdim=True)).square().sum().unsqueeze(0) / (len(matrices) - 1)


def pool(works: StyleStatistics) -> StyleStatistics:
    """Statistics of K works (batch K) -> of all of them as one picture (batch 1)."""
    return StyleStatistics(
        {key: v.mean(0, keepdim=True) for key, v in works.mean.items()},
        {key: v.mean(0, keepdim=True) for key, v in works.second.items()},
        _fair_share(works.colors),
        {key: _variance(v, key) for key, v in works.second.items()},
        {key: _fair_share(v) for key, v in works.patches.items()},
    )


def _fair_share(samples: Tensor) -> Tensor:
    """(K, N, D) -> (1, N, D): samples of every work, as many of all works as one had."""
    k, count = samples.shape[:2]
    work = _turns(count, k).to(samples.device)
    return samples[work, torch.arange(count, device=samples.device)].unsqueeze(0)


@cache
def _turns(count: int, works: int) -> Tensor:
    """Which of the works each of ``count`` positions is taken from, (count,): all as often, to one.

    By multiples of the plastic ratio (Roberts 2018, the R2 sequence), which are spread evenly over rows and
    columns alike. Taking turns would see a work only in some columns of the grid, at K that divide its width.
    """
    multiples = torch.arange(count, dtype=torch.float64) * PLASTIC % 1
    return multiples.argsort().argsort() * works // count
