"""Distances of results to works on a network that no loss uses, with the pictures seen at several sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from benchmarks.evaluation.figures.transport import Standard, hypercolumns, relaxed_earth_movers, some_places
from benchmarks.evaluation.metrics import grams, relative_gram_distance
from benchmarks.evaluation.second_network import SecondNetwork
from benchmarks.evaluation.selection import to_tensor

SIDES = (64, 128, 256, 512)  # longer side, pixels
STRIDE = 4  # of the grid of places


def seen_at(picture: Image.Image, side: int) -> Image.Image | None:
    """The whole picture with its longer side at ``side`` px; None if that would enlarge it."""
    if side > max(picture.size):
        return None
    scale = side / max(picture.size)
    size = [max(16, round(edge * scale)) for edge in picture.size]
    return picture.convert("RGB").resize((size[0], size[1]), Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Seen:
    """What the network says of one picture at one size."""

    grams: dict[str, Tensor]  # layer -> (C, C)
    places: Tensor  # (N, C)


@dataclass(frozen=True)
class Works:
    """Works at one size: their mean Gram matrices, and all their places."""

    grams: dict[str, Tensor]
    places: Tensor
    standard: Standard

    @classmethod
    def of(cls, works: Sequence[Seen]) -> "Works":
        """Each work counts the same."""
        means = {layer: torch.stack([w.grams[layer] for w in works]).mean(0) for layer in works[0].grams}
        places = torch.cat([work.places for work in works])
        standard = Standard(places)
        return cls(means, standard(places), standard)


class Viewer:
    """Looks at pictures with the second network."""

    def __init__(self, network: SecondNetwork) -> None:
        self._network = network

    def see(self, picture: Image.Image, side: int) -> Seen | None:
        """The picture at one size; None if that would enlarge it."""
        small = seen_at(picture, side)
        if small is None:
            return None
        pixels = to_tensor(small)[None]
        features = self._network.style_features(pixels)
        height, width = pixels.shape[2:]
        places = hypercolumns(features, (max(1, height // STRIDE), max(1, width // STRIDE)))
        return Seen({layer: found[0] for layer, found in grams(features).items()}, some_places(places))

    def works(self, works: Sequence[Image.Image]) -> dict[int, Works]:
        """The works at every size that none of them is smaller than."""
        found = {}
        for side in SIDES:
            seen = [self.see(work, side) for work in works]
            if all(each is not None for each in seen):
                found[side] = Works.of([each for each in seen if each is not None])
        return found

    def distances(self, picture: Image.Image, works: dict[int, Works]) -> dict[str, float]:
        """Gram distance (``gram_64``, ...) and relaxed earth mover's distance (``emd_64``, ...) by size."""
        found = {}
        for side, target in works.items():
            seen = self.see(picture, side)
            if seen is not None:
                found[f"gram_{side}"] = relative_gram_distance(seen.grams, target.grams)
                found[f"emd_{side}"] = relaxed_earth_movers(target.standard(seen.places), target.places)
        return found
