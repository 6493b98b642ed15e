"""The artists that a result is looked up among, and the scale on which features are compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from benchmarks.evaluation.descriptors import Described, Scale, describe
from benchmarks.evaluation.second_network import STYLE_LAYERS, SecondNetwork
from benchmarks.evaluation.selection import Artist, load_work, to_tensor

Side = Literal["examples", "unseen"]


@dataclass(frozen=True)
class Gallery:
    """Works of all artists, described: of each the works to choose examples from, and the unseen ones."""

    scale: Scale
    pool: Mapping[str, Sequence[Described]]
    unseen: Mapping[str, Sequence[Described]]

    def centers(self, side: Side, k: int) -> dict[str, Tensor]:
        """Mean standardized description of each artist ``(D,)``: of the first K works, or of the unseen ones.

        An artist with fewer than K works takes part with what there is.
        """
        works = {
            name: described[:k] if side == "examples" else described
            for name, described in (self.pool if side == "examples" else self.unseen).items()
        }
        return {
            name: self.scale.standardize(torch.stack([work.whole for work in described])).mean(0)
            for name, described in works.items()
        }


def nearest(described: Described, centers: Mapping[str, Tensor], scale: Scale) -> str:
    """Name of the nearest artist by Euclidean distance of standardized descriptions."""
    point = scale.standardize(described.whole)
    return min(centers, key=lambda name: float((point - centers[name]).norm()))


def build_gallery(
    network: SecondNetwork, artists: Sequence[Artist], size: int, device: torch.device
) -> Gallery:
    """Describe all works of ``artists`` at ``size`` px."""

    def described(paths: Sequence[Path]) -> list[Described]:
        found = []
        for path in paths:
            picture = to_tensor(load_work(path, size))[None].to(device)
            found += describe(network.style_features(picture))
        return found

    pool = {artist.name: described(artist.pool) for artist in artists}
    unseen = {artist.name: described(artist.unseen) for artist in artists}
    every = [work for works in (*pool.values(), *unseen.values()) for work in works]
    channels = {
        layer: features.shape[1]
        for layer, features in network.style_features(torch.zeros(1, 3, 64, 64, device=device)).items()
    }
    assert tuple(channels) == STYLE_LAYERS
    return Gallery(Scale.over(every, channels), pool, unseen)
