"""Looks at a style's examples at one level: descriptions to encode, places and statistics for the loss."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from model.image.losses.critic import critic_inputs
from model.image.losses.hypercolumns import HYPERCOLUMN_LAYERS, STRIDE, hypercolumns
from model.image.losses.objective import Objective
from model.image.losses.places import Places
from model.image.losses.statistics import STYLE_LAYERS, StyleStatistics, concatenate, pool, statistics
from model.image.media.folders import to_tensor
from model.image.network.style_encoder import describe
from model.image.pyramid import SIDES, level_size, resized
from model.pause import pause

PLACES = 4096  # of all examples together, at most, that are searched at a level
PLACES_OF_ONE = 1536  # of one work, at most
TURNED_LEVELS = 2  # of the coarsest, where the examples are seen in all four turns: there places are few
_LAYERS = tuple(dict.fromkeys((*HYPERCOLUMN_LAYERS, *STYLE_LAYERS)))


@dataclass(frozen=True)
class LevelExamples:
    """What K works look like at one level.

    ``features``: hypercolumns of the places of each work, (N_k, CHANNELS) in bf16; ``light``: how light they
    are, (N_k,); ``statistics``: batch K; ``descriptions``: (K, D) for the encoder; ``maps``: what a critic
    sees of each work, where asked for.
    """

    features: list[Tensor]
    light: list[Tensor]
    statistics: StyleStatistics
    descriptions: Tensor
    maps: list[Tensor] = field(default_factory=list)

    @classmethod
    def join(cls, works: Sequence[LevelExamples]) -> LevelExamples:
        """Several works as one style's."""
        return cls(
            [f for work in works for f in work.features],
            [light for work in works for light in work.light],
            concatenate([work.statistics for work in works]),
            torch.cat([work.descriptions for work in works]),
            [maps for work in works for maps in work.maps],
        )

    @cached_property
    def places(self) -> Places:
        """What is searched: of every work as many places."""
        each = PLACES // len(self.features)
        features, light = (
            torch.cat([_some(x, each) for x in given]) for given in (self.features, self.light)
        )
        return Places.of(features, light)

    @cached_property
    def pooled(self) -> StyleStatistics:
        """Statistics of all works as one picture (batch 1)."""
        return pool(self.statistics)


@torch.no_grad()
def observe(
    objective: Objective,
    works: Sequence[Image.Image],
    level: int,
    rng: random.Random,
    *,
    maps: bool = False,
) -> list[LevelExamples]:
    """Look at each work at the size of a level; no work is enlarged.

    Of a work of more than 256 pixels a random square of that side is looked at. ``maps``: keep what a critic
    sees.
    """
    found = []
    for work in works:
        pause()
        side = min(SIDES[level], max(work.size))
        image = to_tensor([resized(work, level_size(work.size, side))]).to(objective.device)
        image = _part(image, rng)
        with objective.autocast():
            features = objective.network(image, _LAYERS)
            own = statistics(features, image, patches=level >= TURNED_LEVELS)
        places, light = [hypercolumns(features)[0]], [_light(image)]
        if level < TURNED_LEVELS:
            with objective.autocast():
                for turn in (1, 2, 3):
                    turned = torch.rot90(image, turn, (2, 3))
                    places.append(hypercolumns(objective.network(turned, HYPERCOLUMN_LAYERS))[0])
                    light.append(_light(turned))
        kept = _some(torch.cat(places), PLACES_OF_ONE).to(torch.bfloat16)
        lightness = _some(torch.cat(light), PLACES_OF_ONE)
        seen = [critic_inputs(features).to(torch.bfloat16)] if maps else []
        found.append(LevelExamples([kept], [lightness], own, describe(own), seen))
    return found


def _light(image: Tensor) -> Tensor:
    """(1, 3, H, W) -> (H/4 * W/4,): the lightness of every place."""
    return F.avg_pool2d(image.mean(1, keepdim=True), STRIDE).flatten()


def _part(image: Tensor, rng: random.Random, most: int = 256) -> Tensor:
    height, width = image.shape[2:]
    top, left = (4 * rng.randrange((max(0, length - most)) // 4 + 1) for length in (height, width))
    return image[:, :, top : top + most, left : left + most]


def _some(places: Tensor, count: int) -> Tensor:
    """At most ``count`` of (N, ...), drawn at random: the same ones for one N."""
    if len(places) <= count:
        return places
    chosen = torch.randperm(len(places), generator=torch.Generator().manual_seed(0))[:count]
    return places[chosen.to(places.device)]
