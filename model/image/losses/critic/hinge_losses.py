"""Computes the hinge losses of critic and generator (Lim & Ye 2017), both for one backward pass."""

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
class HingeLosses:
    """What generator and critic minimise, (B,); the gradients of one never reach what the other moves."""

    generator: Tensor  # gradients to the renders alone
    critic: Tensor  # gradients to the critic's weights and the per-style heads alone

    def total(self, weight: float) -> Tensor:
        """Both in one loss; ``weight`` is what the critic counts among the generator's terms."""
        return weight * self.generator + self.critic


def hinge_losses(critic: Critic, head: Mapping[str, Tensor], fake: Tensor, real: Tensor) -> HingeLosses:
    """Both losses of B renders beside works of their B styles.

    Args:
        head: (v, b) of the B styles.
        fake: (B, INPUTS, h, w) of renders, with their history.
        real: (B, INPUTS, h', w') of works.
    """
    weights = critic.weights()
    cut = {name: head[name].detach() for name in HEAD}
    with torch.autocast(fake.device.type, enabled=False):
        scores = critic.scores(fake.float(), cut, weights.frozen())
        told_apart = critic_hinge(
            critic.scores(real.detach().float(), head, weights),
            critic.scores(fake.detach().float(), head, weights),
        )
    return HingeLosses(generator_hinge(scores), told_apart)
