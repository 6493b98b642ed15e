"""The GAN critic: paintings against renders, patch by patch, on the features of the loss network."""

from model.image.losses.critic.hinge_losses import Duel, critic_hinge, duel, generator_hinge
from model.image.losses.critic.network import HEAD, Critic, CriticConfig, critic_inputs, window

__all__ = [
    "HEAD",
    "Critic",
    "CriticConfig",
    "Duel",
    "critic_hinge",
    "critic_inputs",
    "duel",
    "generator_hinge",
    "window",
]
