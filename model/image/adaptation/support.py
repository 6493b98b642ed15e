"""Draws the support set of one adaptation, level by level, from K examples and some photos.

The levels are learned coarse to fine. The support set of a level is what it draws on: photos, as the levels
before left them; for each of their places the place of the examples that it is to look like was chosen once.
Held-out photos judge, and the best phi is kept: no level ends above its start.

phi is per sample, so many adaptations go through one inner loop: ``model.image.adaptation.loop``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor

from model.errors import CheckpointMissingError
from model.formats import Surface
from model.image.adaptation.colors import matched_color
from model.image.adaptation.config import AdaptConfig
from model.image.adaptation.examples import LevelExamples, observe
from model.image.adaptation.level_renders import RenderBatch, chosen_places, finer_inputs
from model.image.adaptation.surface import surface_of
from model.image.losses.critic import Critic
from model.image.losses.level_loss import Judged, Target
from model.image.losses.loss_weights import LEVEL_WEIGHTS
from model.image.losses.objective import Objective
from model.image.media.folders import random_crop, to_tensor
from model.image.network.networks import Networks
from model.image.pyramid import SIDES, level_size, resized
from model.maml import Params
from model.pause import pause


class Photos:
    """Square photos at the side of every level: (N, 3, S, S) each."""

    def __init__(self, photos: Sequence[Image.Image], device: torch.device) -> None:
        self.levels = [
            to_tensor([photo.resize((side, side), Image.Resampling.LANCZOS) for photo in photos]).to(device)
            for side in SIDES
        ]

    def __len__(self) -> int:
        return len(self.levels[0])


class Adaptation:
    """One adaptation: the examples, and the photos that each level draws on, as far as it has got."""

    _inputs: Tensor  # of the level that was begun last

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        examples: Sequence[Image.Image],
        bank: Photos,
        held_out: Photos,
        *,
        config: AdaptConfig | None = None,
        critics: Mapping[int, Critic] | None = None,
        seed: int = 0,
    ) -> None:
        self.networks, self.objective = networks, objective
        self.config = config or AdaptConfig()
        self.critics = critics or {}
        if self.config.critic > 0 and not self.critics:
            raise CheckpointMissingError(
                "the inner loop is asked for a critic's term, and the checkpoint holds no critic: train one "
                "with `fewstroke meta-train --critic 0.05`, or set AdaptConfig.critic to 0"
            )
        self.bank, self.held_out = bank, held_out
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = random.Random(seed)
        self._given = list(examples)
        self._support: RenderBatch | None = None
        self._seen: dict[int, LevelExamples] = {}

    def examples(self, level: int) -> LevelExamples:
        """The examples as a level sees them: looked at when they are first needed."""
        if level not in self._seen:
            self._seen[level] = LevelExamples.join(observe(self.objective, self._given, level, self.rng))
        return self._seen[level]

    def start(self, level: int) -> dict[str, Tensor]:
        """phi_0 of a level (B = 1): that of the zero-step style."""
        with torch.no_grad():
            phi = self.networks.encoder.predict(self.examples(level).descriptions, level)
        return {name: value.detach().float().clone() for name, value in phi.items()}

    @cached_property
    def surface(self) -> Surface:
        """Of the examples."""
        return surface_of(self._given)

    @cached_property
    def photos(self) -> list[Tensor]:
        """Bank and held-out photos at every level."""
        return [torch.cat(both) for both in zip(self.bank.levels, self.held_out.levels, strict=True)]

    @torch.no_grad()
    def begin_level(self, level: int, below: Params | None) -> None:
        """Draw the photos with the phi of the level below, and choose what their places are to look like."""
        inputs = self.photos[level]
        if level > 0:
            assert below is not None
            drawn = self._draw(below)
            inputs = finer_inputs(
                level - 1, self._inputs, drawn, self.photos[level - 1], inputs, self.config.dials
            )
        self._inputs = inputs
        inputs = self._cut(inputs, self.config.levels[level].crop)
        examples = self.examples(level)
        places = [examples.places] * len(inputs)
        chosen = chosen_places(self.objective, inputs, places)
        pooled = examples.pooled[[0] * len(inputs)] if LEVEL_WEIGHTS[level].statistics else None
        judged = None
        if self.config.critic > 0 and level in self.critics:
            embedding = self.networks.encoder.embed_style(examples.descriptions, level)
            judged = Judged(self.critics[level], self.config.critic, embedding.expand(len(inputs), -1))
        self._support = RenderBatch(inputs, Target(chosen, places, pooled, judged))

    @torch.no_grad()
    def colored(self, level: int, phi: Params) -> dict[str, Tensor]:
        """phi (B = 1) of the level that was begun last, with contrast and colours like the examples'."""
        works = []
        for example in self._given:
            side = min(SIDES[level], max(example.size))
            seen = to_tensor([resized(example, level_size(example.size, side))], self.objective.device)
            works.append(seen[0])
        return {**phi, "color": matched_color(phi["color"], list(self._draw(phi)), works)}

    def _draw(self, phi: Params) -> Tensor:
        """What the network makes of the inputs of the level that was begun last, one by one."""
        parts = []
        for x in self._inputs:
            pause()
            with self.objective.autocast():
                parts.append(self.networks(x[None], phi).float())
        return torch.cat(parts)

    def _cut(self, x: Tensor, side: int) -> Tensor:
        """A square part of each."""
        spare = (x.shape[2] - side) // 4
        parts = []
        for each in x:
            top, left = (4 * self.rng.randint(0, spare) for _ in range(2))
            parts.append(each[:, top : top + side, left : left + side])
        return torch.stack(parts)

    def draw(self, level: int) -> RenderBatch:
        """The support of the next step."""
        count = min(self.config.levels[level].photos, len(self.bank))
        return self._part(torch.randperm(len(self.bank), generator=self.generator)[:count].tolist())

    def judges(self) -> RenderBatch:
        """The held-out photos of this level."""
        return self._part(range(len(self.bank), len(self.bank) + len(self.held_out)))

    def _part(self, index: Sequence[int]) -> RenderBatch:
        assert self._support is not None
        return self._support[index]


def square(photo: Image.Image, rng: random.Random, low: float) -> Image.Image:
    """A square of ``low`` to all of the short side, at the side of the finest level."""
    return random_crop(photo, SIDES[-1], rng, low=low)
