"""The loss of one level: places that look like those chosen for them, and on fine levels statistics.

There is no content term: what the picture shows is held by where the search looked, since each place was
given its place of the examples before anything was drawn (``model.perceptual.places``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from model.networks import Objective
from model.perceptual.hypercolumns import HYPERCOLUMN_LAYERS, hypercolumns
from model.perceptual.losses import LossWeights, color_directions
from model.perceptual.places import Places, committed_distance
from model.perceptual.statistics import STYLE_LAYERS, StyleStatistics, statistics

STYLE_WEIGHTS = LossWeights(covariance=2.0, mobile=10.0, gram=24.0, patches=15.0)
WINDOW = 8  # places a side of the windows in which spreads are compared


@dataclass(frozen=True)
class LevelWeights:
    """Weights of a level's terms; that of the committed distance is 1."""

    local: float  # means and spreads in windows of a few strokes, against those of what was chosen there
    statistics: float  # style statistics of the whole picture, against all examples


LEVEL_WEIGHTS = (
    LevelWeights(local=0.3, statistics=0.0),
    LevelWeights(local=0.3, statistics=0.0),
    LevelWeights(local=0.5, statistics=0.03),
    LevelWeights(local=1.0, statistics=0.05),
)


@dataclass(frozen=True)
class Target:
    """What N renders are compared with.

    ``chosen``: (N, P, C) hypercolumns of the places chosen for each of their P places; ``places``: of each
    render's style; ``pooled``: (batch N) statistics of each style's examples, None where they do not count.
    """

    chosen: Tensor
    places: Sequence[Places]
    pooled: StyleStatistics | None


def level_loss(objective: Objective, weights: LevelWeights, renders: Tensor, target: Target) -> Tensor:
    """(N, 3, H, W) renders -> their losses (N,); H and W are multiples of four."""
    layers: tuple[str, ...] = HYPERCOLUMN_LAYERS
    counts = weights.statistics > 0 and target.pooled is not None
    if counts:
        layers = tuple(dict.fromkeys((*layers, *STYLE_LAYERS)))
    with objective.autocast():
        features = objective.network(renders, layers)
    found = hypercolumns(features)
    loss = committed_distance(found, target.chosen, target.places)
    if weights.local:
        grid = renders.shape[2] // 4, renders.shape[3] // 4
        loss = loss + weights.local * local_distance(found, target.chosen, target.places, grid)
    if counts:
        assert target.pooled is not None
        with objective.autocast():
            own = statistics(features, renders, patches=True)
        terms = objective.distances(own, target.pooled, _directions(renders.device))
        loss = loss + weights.statistics * terms.style(STYLE_WEIGHTS)
    return loss


@cache
def _directions(device: torch.device) -> Tensor:
    """Along which colours are compared: always the same, so that a seed gives the same style again."""
    return color_directions(torch.Generator().manual_seed(0)).to(device)


def local_distance(
    features: Tensor, targets: Tensor, places: Sequence[Places], grid: tuple[int, int]
) -> Tensor:
    """(N,): distance of the means and spreads in overlapping windows, in units of the style's spread.

    A network that has to hit single places hits their average, and paints without brushwork. In a window it
    is free to lay strokes where it likes, but there have to be as many: as in the places chosen there, so
    that what is even in the examples stays even (after the statistics of Huang & Belongie 2017, window by
    window).
    """
    mean = torch.stack([p.mean for p in places]).unsqueeze(1)
    spread = torch.stack([p.variance for p in places]).unsqueeze(1).sqrt()
    scale = 1 / (spread + 0.1 * spread.mean(2, keepdim=True))
    m, s = _windows((features - mean) * scale, grid)
    wanted_m, wanted_s = _windows((targets.float() - mean) * scale, grid)
    return (m - wanted_m).square().mean((1, 2, 3)) + (s - wanted_s).square().mean((1, 2, 3))


def _windows(x: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(N, P, C) -> means and standard deviations in windows, (N, C, h, w) each."""
    maps = x.view(len(x), *grid, -1).permute(0, 3, 1, 2)
    size = min(WINDOW, *grid)
    mean = F.avg_pool2d(maps, size, max(1, size // 2))
    variance = F.avg_pool2d(maps.square(), size, max(1, size // 2)) - mean.square()
    return mean, variance.clamp_min(0).add(1e-4).sqrt()
