"""The adaptation's own total loss as a column: what direct optimization of the picture is compared by."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from model.adaptation import AdaptConfig, fit, fixed_directions
from model.data.folders import to_tensor
from model.networks import Objective
from model.perceptual.losses import SCATTER
from model.perceptual.statistics import StyleStatistics, concatenate, pool

ObjectiveTarget = StyleStatistics  # of all examples pooled, batch 1


class ObjectiveMeter:
    """The total loss of pictures against all examples pooled, as the inner loop weighs it."""

    def __init__(self, objective: Objective, config: AdaptConfig) -> None:
        self.objective, self.config = objective, config

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.objective.device

    @property
    def key(self) -> str:
        """What the values depend on besides the pictures."""
        return f"{self.config.weights}/{SCATTER}/{self.config.example_side}"

    def target(self, examples: Sequence[Image.Image]) -> ObjectiveTarget:
        """Statistics of the examples, at the size that adaptations see them in."""
        works = [
            self.objective.style_statistics(to_tensor([fit(e, self.config.example_side)]).to(self.device))
            for e in examples
        ]
        return pool(concatenate(works))

    def losses(self, pictures: Tensor, content: dict[str, Tensor], target: ObjectiveTarget) -> Tensor:
        """Total loss of (B, 3, H, W) pictures: (B,), differentiable."""
        repeated = target[[0] * len(pictures)]
        return self.objective.terms(pictures, repeated, content).total(self.config.weights)

    @torch.no_grad()
    def measure(self, pictures: Tensor, photos: Tensor, target: ObjectiveTarget) -> list[float]:
        """Total loss of each picture against its photo and the examples, with fixed color directions."""
        found = []
        for picture, photo in zip(torch.split(pictures, 1), torch.split(photos, 1), strict=True):
            content, _ = self.objective.photo_targets(photo)
            with fixed_directions():
                found.append(float(self.losses(picture, content, target)))
        return found
