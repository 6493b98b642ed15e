"""Relaxed earth mover's distance between the features of two pictures (Kolkin et al. 2019)."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

FLOOR = 1e-3  # added to deviations: a channel that never changes says nothing
PLACES = 2048  # of a picture; more change the third digit


def hypercolumns(features: Mapping[str, Tensor], grid: tuple[int, int]) -> Tensor:
    """All layers of one picture at every place of a ``grid``: ``(H W, C)`` from ``{layer: (1, c, h, w)}``."""
    layers = [
        F.interpolate(x, grid, mode="bilinear", align_corners=False, antialias=True)
        for x in features.values()
    ]
    return torch.cat(layers, 1)[0].flatten(1).T


def some_places(columns: Tensor, *, count: int = PLACES, seed: int = 0) -> Tensor:
    """At most ``count`` of ``(N, C)``, drawn with a seed."""
    if len(columns) <= count:
        return columns
    return columns[torch.randperm(len(columns), generator=torch.Generator().manual_seed(seed))[:count]]


def relaxed_earth_movers(first: Tensor, second: Tensor) -> float:
    """The relaxed earth mover's distance of two sets of features ``(N, C)`` and ``(M, C)``, in 0..2.

    The cost of moving a feature is 1 - cosine. Everything of ``first`` goes to what is nearest in ``second``,
    and the other way round; the larger mean of the two is a lower bound of the true distance. So a picture is
    far away both if it has what the works do not have, and if it lacks what they have.
    """
    cosines = F.normalize(first, dim=1) @ F.normalize(second, dim=1).T
    there, back = 1 - cosines.amax(1).mean(), 1 - cosines.amax(0).mean()
    return max(0.0, float(torch.maximum(there, back)))


class Standard:
    """Brings every channel to mean 0 and deviation 1 over a set of works, so that no channel rules."""

    def __init__(self, columns: Tensor) -> None:
        self._mean, self._spread = columns.mean(0), columns.std(0, correction=0) + FLOOR

    def __call__(self, columns: Tensor) -> Tensor:
        """``(N, C)`` to the same."""
        return (columns - self._mean) / self._spread
