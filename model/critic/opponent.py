"""The critic in one adaptation: the examples are real, the current renders are fake."""

from __future__ import annotations

import random
from collections.abc import Mapping

import torch
from torch import Tensor

from model.critic.duel import duel
from model.critic.network import HEAD, Critic, critic_inputs, window


class Opponent:
    """A trained critic against one style's renders; only its per-style head is adapted.

    Args:
        weight: what the critic counts among the generator's terms.
        seed: of the windows, which are drawn apart from everything else: a critic changes no other draw.
    """

    def __init__(self, critic: Critic, weight: float, seed: int) -> None:
        self.critic, self.weight = critic, weight
        self.rng = random.Random(seed)
        self.reals: list[Tensor] = []

    def watch(self, features: Mapping[str, Tensor]) -> None:
        """Take in the feature maps of one more example (batch 1)."""
        self.reals.append(critic_inputs(features))

    def head(self, embedding: Tensor) -> dict[str, Tensor]:
        """The per-style head before adaptation, from the style's embedding (1, E)."""
        with torch.no_grad():
            return self.critic.head(embedding.float())

    def loss(self, params: Mapping[str, Tensor], features: Mapping[str, Tensor]) -> Tensor:
        """Both players' losses (B,): windows of random examples against the feature maps of B renders."""
        fake = critic_inputs(features)
        count = fake.shape[0]
        chosen = [self.rng.choice(self.reals) for _ in range(count)]
        height = min(fake.shape[2], *(real.shape[2] for real in chosen))
        width = min(fake.shape[3], *(real.shape[3] for real in chosen))
        real = torch.cat([window(inputs, height, width, self.rng) for inputs in chosen])
        head = {name: params[name].expand(count, *params[name].shape[1:]) for name in HEAD}
        return duel(self.critic, head, fake, real).total(self.weight)
