"""A GAN critic that tells works from renders, patch by patch, on the features of the loss network."""

from model.image.losses.critic.hinge_losses import HingeLosses, critic_hinge, generator_hinge, hinge_losses
from model.image.losses.critic.network import HEAD, Critic, CriticConfig, critic_inputs, window

__all__ = [
    "HEAD",
    "Critic",
    "CriticConfig",
    "HingeLosses",
    "critic_hinge",
    "critic_inputs",
    "generator_hinge",
    "hinge_losses",
    "window",
]
