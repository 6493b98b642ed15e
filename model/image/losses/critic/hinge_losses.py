"""Hinge losses of the two players (Lim & Ye 2017), and both at once for one backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from model.image.losses.critic.network import HEAD, Critic


def critic_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """``E max(0, 1 - D(real)) + E max(0, 1 + D(fake))``: (B, h, w) and (B, h', w') -> (B,)."""
    return (1 - real).clamp_min(0).mean((1, 2)) + (1 + fake).clamp_min(0).mean((1, 2))


def generator_hinge(fake: Tensor) -> Tensor:
    """``-E D(fake)``: (B, h, w) -> (B,)."""
    return -fake.mean((1, 2))


@dataclass(frozen=True)
class Duel:
    """What each player minimises, (B,); the gradients of one never reach what the other moves."""

    generator: Tensor  # gradients to the renders alone
    critic: Tensor  # gradients to the critic's weights and the per-style heads alone

    def total(self, weight: float) -> Tensor:
        """Both in one loss; ``weight`` is what the critic counts among the generator's terms."""
        return weight * self.generator + self.critic


def duel(critic: Critic, head: Mapping[str, Tensor], fake: Tensor, real: Tensor) -> Duel:
    """One round: B renders against works of their B styles.

    Args:
        head: (v, b) of the B styles.
        fake: (B, INPUTS, h, w) of renders, with their history.
        real: (B, INPUTS, h', w') of works.
    """
    weights = critic.weights()
    cut = {name: head[name].detach() for name in HEAD}
    with torch.autocast(fake.device.type, enabled=False):
        judged = critic.scores(fake.float(), cut, weights.frozen())
        played = critic_hinge(
            critic.scores(real.detach().float(), head, weights),
            critic.scores(fake.detach().float(), head, weights),
        )
    return Duel(generator_hinge(judged), played)
