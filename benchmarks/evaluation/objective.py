"""The loss that adaptations go down, as a column: what everything else is held against."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from model.image.adaptation.examples import LevelExamples, observe
from model.image.losses.distances import SCATTER
from model.image.losses.hypercolumns import look_at
from model.image.losses.level_loss import Target, level_loss
from model.image.losses.loss_weights import LEVEL_WEIGHTS, STYLE_WEIGHTS
from model.image.losses.objective import Objective
from model.image.pyramid import SIDES


@dataclass
class ObjectiveTarget:
    """Examples, and what they look like at the levels that were asked for."""

    works: Sequence[Image.Image]
    seen: dict[int, LevelExamples] = field(default_factory=dict)


class ObjectiveMeter:
    """The loss of pictures at the level of their size, had it drawn on the photos themselves."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.objective.device

    @property
    def key(self) -> str:
        """What the values depend on besides the pictures."""
        return f"{LEVEL_WEIGHTS}/{STYLE_WEIGHTS}/{SCATTER}"

    def target(self, examples: Sequence[Image.Image]) -> ObjectiveTarget:
        """The examples, to be looked at when the size of the pictures is known."""
        return ObjectiveTarget(examples)

    @torch.no_grad()
    def measure(self, pictures: Tensor, photos: Tensor, target: ObjectiveTarget) -> list[float]:
        """The loss of each picture against its photo and the examples; sides are multiples of four."""
        side = max(pictures.shape[2:])
        level = min(range(len(SIDES)), key=lambda i: abs(SIDES[i] - side))
        if level not in target.seen:
            works = [work.convert("RGB") for work in target.works]
            target.seen[level] = LevelExamples.join(observe(self.objective, works, level, random.Random(0)))
        examples = target.seen[level]
        found = []
        for picture, photo in zip(torch.split(pictures, 1), torch.split(photos, 1), strict=True):
            with self.objective.autocast():
                own = look_at(self.objective.network.vgg, photo)[0]
            chosen = Target(examples.places.targets(own)[None], [examples.places], examples.pooled)
            found.append(float(level_loss(self.objective, LEVEL_WEIGHTS[level], picture, chosen)))
        return found
