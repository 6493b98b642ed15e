"""Computes the loss of one level: chosen places, windows of them, and on fine levels statistics.

There is no content term: what the picture shows is held by where the search looked, since each place was
given its place of the examples before anything was drawn (``model.image.losses.places``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.losses.critic import Critic, critic_inputs, generator_hinge, hinge_losses
from model.image.losses.distances import color_directions
from model.image.losses.hypercolumns import HYPERCOLUMN_LAYERS, hypercolumns
from model.image.losses.loss_weights import STYLE_WEIGHTS, LevelWeights
from model.image.losses.objective import Objective
from model.image.losses.places import Places, committed_distance
from model.image.losses.statistics import STYLE_LAYERS, StyleStatistics, concatenate, statistics

CRITIC_LEVELS = (2, 3)  # the fine ones, whose brushwork a critic may judge
WINDOW = 8  # places a side of the windows in which spreads are compared


@dataclass(frozen=True)
class Judged:
    """A critic's part in the loss of N renders.

    ``embedding``: (N, E) of each render's style, from which its head is predicted; ``real``: (N, INPUTS, h,
    w) of works of the styles when the critic is trained too, else None.
    """

    critic: Critic
    weight: float
    embedding: Tensor
    real: Tensor | None = None

    def loss(self, features: dict[str, Tensor]) -> Tensor:
        """(N,): what renders pay for being told from works, and the critic for not telling them."""
        fake = critic_inputs(features)
        head = self.critic.head(self.embedding)
        if self.real is None:
            scores = self.critic.scores(fake, head, self.critic.weights().frozen())
            return self.weight * generator_hinge(scores)
        return hinge_losses(self.critic, head, fake, self.real).total(self.weight)


@dataclass(frozen=True)
class Target:
    """What N renders are compared with.

    ``chosen``: (N, P, C) hypercolumns of the places chosen for each of their P places; ``places``: of each
    render's style; ``pooled``: (batch N) statistics of each style's examples, None where they do not count;
    ``judged``: by a critic, on fine levels.
    """

    chosen: Tensor
    places: Sequence[Places]
    pooled: StyleStatistics | None
    judged: Judged | None = None

    @classmethod
    def join(cls, parts: Sequence[Target]) -> Target:
        """Those of several styles side by side: all with statistics and a critic, or none."""
        pooled = [p.pooled for p in parts if p.pooled is not None]
        judged = [p.judged for p in parts if p.judged is not None]
        return cls(
            torch.cat([p.chosen for p in parts]),
            [places for p in parts for places in p.places],
            concatenate(pooled) if pooled else None,
            replace(judged[0], embedding=torch.cat([j.embedding for j in judged])) if judged else None,
        )

    def __getitem__(self, index: Sequence[int]) -> Target:
        """Of some of the renders."""
        chosen = list(index)
        return Target(
            self.chosen[chosen],
            [self.places[i] for i in chosen],
            None if self.pooled is None else self.pooled[chosen],
            None if self.judged is None else replace(self.judged, embedding=self.judged.embedding[chosen]),
        )


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
    if target.judged is not None:
        loss = loss + target.judged.loss(features)
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
