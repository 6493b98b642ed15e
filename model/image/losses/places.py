"""Searches the examples for the place that each place of a picture is to look like.

The choice is made once, before anything is drawn ("committed"): for every place of what a level draws on,
the place of the examples that is most like it. The render is then compared with those (Kolkin et al. 2022,
"Neural Neighbor Style Transfer"). Places that are like everything (bare paper) would be chosen everywhere;
how much a place is like all others counts against it (the hubness correction of Conneau et al. 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.losses.hypercolumns import CHANNELS, STRIDE

SEARCHED = 256  # numbers of a place that are compared in the search: a random projection of all
HUB_NEIGHBOURS = 8  # queries that say how much a place is like everything
HUB_QUERIES = 512
HUBNESS = 0.5  # how much being like everything counts against a place
SAME_COLOR = 0.05  # standard deviation of colours (0..1) that are taken for the same
NEAR = 1.5  # standard deviation of the distance, in places
FARTHEST = 9.0  # distance of weight 1e-35: where it would be smaller, exp is ten times as slow
LIGHTNESS = 0.08  # of a cosine, that a difference of one standard deviation of lightness counts
_AT_ONCE = 2048  # queries


@dataclass(frozen=True)
class Places:
    """N places of a style's examples.

    ``features``: (N, CHANNELS); ``mean``, ``variance``: (CHANNELS,) over them; ``searched``: (N, SEARCHED) of
    length 1, centred and projected; ``light``: (N,), how light each is beside the others (``standing``), 0
    where that is not known.
    """

    features: Tensor
    mean: Tensor
    variance: Tensor
    searched: Tensor
    light: Tensor

    @classmethod
    def of(cls, features: Tensor, light: Tensor | None = None) -> Places:
        """(N, CHANNELS) hypercolumns of the examples, and their lightness (N,)."""
        kept, features = features.to(torch.bfloat16), features.float()
        mean = features.mean(0)
        own = mean.new_zeros(len(features)) if light is None else standing(light)
        return cls(kept, mean, features.var(0), project(features - mean), own)

    def nearest(self, queries: Tensor, image: Tensor | None = None, *, hubness: float = HUBNESS) -> Tensor:
        """(M, CHANNELS) hypercolumns of a picture -> (M,): positions of the places most like each.

        Queries are centred by their own mean: what is compared is how places differ *within* a picture. With
        the ``image`` itself (3, H, W), neighbours of one colour are searched as one (``evened``), and what is
        dark in it looks for what is dark in the examples.
        """
        searched = (queries - queries.mean(0)) @ _projection(queries.device)
        light = None
        if image is not None:
            light = F.avg_pool2d(image.mean(0)[None], STRIDE).flatten()
            mixed = evened(torch.cat([searched, light[:, None]], 1), image)
            searched, light = mixed[:, :-1], standing(mixed[:, -1])
        searched = F.normalize(searched, dim=1).to(torch.bfloat16)
        penalty: Tensor | float = 0.0
        if hubness:
            some = searched[:: max(1, len(searched) // HUB_QUERIES)]
            alike = self.searched @ some.t()
            penalty = hubness * alike.topk(min(HUB_NEIGHBOURS, len(some)), 1).values.float().mean(1)
        keys = self.searched.t().contiguous()
        found = []
        for at, q in enumerate(torch.split(searched, _AT_ONCE)):
            scores = (q @ keys).float() - penalty
            if light is not None:
                own = light[at * _AT_ONCE : (at + 1) * _AT_ONCE, None]
                scores = scores - LIGHTNESS * (own - self.light).square()
            found.append(scores.argmax(1))
        return torch.cat(found)

    def targets(self, queries: Tensor, image: Tensor | None = None, *, hubness: float = HUBNESS) -> Tensor:
        """(M, CHANNELS) of a picture -> (M, CHANNELS): what each of its places is to look like."""
        return self.features[self.nearest(queries, image, hubness=hubness)]


def standing(light: Tensor) -> Tensor:
    """(N,) lightness -> how far each is from the mean, in standard deviations, at most two."""
    return ((light - light.mean()) / (light.std() + 0.05)).clamp(-2, 2)


def evened(features: Tensor, image: Tensor) -> Tensor:
    """(M, D) of the M places of a picture (3, H, W), averaged over near places of the same colour: (M, D).

    A bilateral filter (Tomasi & Manduchi 1998). Deep features of a clear sky differ from place to place by
    what is far away, and would choose another place of the examples every few pixels: the sky would come out
    in patches.
    """
    colors = F.avg_pool2d(image[None], STRIDE)[0]  # (3, h, w)
    height, width = colors.shape[1:]
    flat = colors.flatten(1).t() / (2**0.5 * SAME_COLOR)
    down, right = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    where = torch.stack([down, right], 2).view(-1, 2).to(flat) / (2**0.5 * NEAR)
    at = torch.cat([flat, where], 1)  # (M, 5)
    distances = torch.cdist(at, at).clamp_(max=FARTHEST)
    weights = distances.square_().neg_().exp_()
    mixed: Tensor = (weights @ features) / weights.sum(1, keepdim=True)
    return mixed


def project(features: Tensor) -> Tensor:
    """(N, CHANNELS) -> (N, SEARCHED): a random projection, of length 1; keeps angles to a few hundredths."""
    return F.normalize(features @ _projection(features.device), dim=1).to(torch.bfloat16)


@cache
def _projection(device: torch.device) -> Tensor:
    made: Tensor = torch.randn(CHANNELS, SEARCHED, generator=torch.Generator().manual_seed(0)) / CHANNELS**0.5
    return made.to(device)


def committed_distance(features: Tensor, targets: Tensor, places: Sequence[Places]) -> Tensor:
    """(B,): how far the places of B renders are from what they are to look like.

    Args:
        features: (B, N, CHANNELS) of the renders.
        targets: (B, N, CHANNELS), chosen before.
        places: of each render's style: centre and scale.

    The mean of ``1 - cos(h - mean, target - mean)`` and a little squared distance in units of the examples'
    spread, which holds the lengths.
    """
    mean = torch.stack([p.mean for p in places]).unsqueeze(1)
    variance = torch.stack([p.variance for p in places]).unsqueeze(1)
    scale = 1 / (variance + 0.1 * variance.mean(2, keepdim=True))
    targets = targets.float()
    angle = 1 - F.cosine_similarity(features - mean, targets - mean, dim=2).mean(1)
    return angle + 0.02 * ((features - targets).square() * scale).mean((1, 2))
