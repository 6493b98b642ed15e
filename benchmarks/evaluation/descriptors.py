"""Short descriptions of pictures: EfficientNet-Lite0 channel means and log deviations, whole or by patch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

PATCHES = 4  # along the short side of a picture
FLOOR = 1e-3  # added to deviations before the logarithm: a flat patch has none
SHALLOW = ("stem", "block0")  # layers whose distribution the sliced Wasserstein distance compares


@dataclass(frozen=True)
class Described:
    """One picture: ``whole`` (D,) and ``patches`` (N, D), each means and log deviations of every channel."""

    whole: Tensor
    patches: Tensor


def describe(features: Mapping[str, Tensor]) -> list[Described]:
    """Descriptions of B pictures from their style features ``{layer: (B, C, H, W)}``."""
    first = next(iter(features.values()))
    batch, (height, width) = first.shape[0], first.shape[2:]
    side = min(height, width) / PATCHES
    grid = (max(1, round(height / side)), max(1, round(width / side)))
    whole = [_moments(x, (1, 1)) for x in features.values()]
    patches = [_moments(x, grid) for x in features.values()]
    wholes, patched = torch.cat(whole, 1).cpu(), torch.cat(patches, 1).cpu()  # (B, D, 1), (B, D, N)
    return [Described(wholes[i, :, 0], patched[i].T) for i in range(batch)]


def _moments(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """``(B, C, H, W)`` to ``(B, 2 C, rows * columns)``."""
    mean = F.adaptive_avg_pool2d(x, grid)
    variance = F.adaptive_avg_pool2d(x.square(), grid) - mean.square()
    return torch.cat([mean, (variance.clamp_min(0).sqrt() + FLOOR).log()], 1).flatten(2)


@dataclass(frozen=True)
class Scale:
    """Mean and spread of every number over the works of all artists: no channel rules by being loud."""

    mean: Tensor  # (D,)
    spread: Tensor  # (D,)
    shallow: dict[str, tuple[Tensor, Tensor]]  # layer -> channel means and deviations, both (C, 1, 1)

    @classmethod
    def over(cls, works: Sequence[Described], channels: Mapping[str, int]) -> "Scale":
        """From descriptions of at least two works; ``channels`` of each layer in the order of description."""
        wholes, patches = (
            torch.stack([work.whole for work in works]),
            torch.cat([work.patches for work in works]),
        )
        shallow, start = {}, 0
        for layer, count in channels.items():
            if layer in SHALLOW:
                means = wholes[:, start : start + count]
                deviations = wholes[:, start + count : start + 2 * count].exp()
                total = (deviations.square().mean(0) + means.var(0, correction=0)).sqrt() + FLOOR
                shallow[layer] = (means.mean(0)[:, None, None], total[:, None, None])
            start += 2 * count
        return cls(patches.mean(0), patches.std(0) + FLOOR, shallow)

    def standardize(self, values: Tensor) -> Tensor:
        """``(..., D)`` in units of the spread."""
        return (values - self.mean) / self.spread
