"""A patch critic with a head that all styles share and a head of each style's own.

The score of a patch is ``psi(h) + v h + b``, the projection discriminator of Miyato & Koyama (2018): h are
trunk features, psi is what all paintings have in common, and (v, b) is the style's. psi is trained in
the outer loop; (v, b) starts from a prediction and is adapted in the inner loop, like phi. The inputs are
feature maps that the loss has computed anyway, so that a critic costs no pass of the perceptual network.

Every weight matrix is divided by its spectral norm (Miyato et al. 2018) and v is kept in the unit ball,
so that a score cannot grow by scale alone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from model.image.losses.statistics import StyleStatistics
from model.image.losses.vgg import CHANNELS

LAYERS = ("relu2_2", "relu3_3")
INPUTS = sum(CHANNELS[layer] for layer in LAYERS)
HEAD = ("critic.weight", "critic.bias")  # names of v and b beside phi's
SLOPE = 0.2


@dataclass(frozen=True)
class CriticConfig:
    """Shape of the critic."""

    width: int = 96
    embedding: int = 256  # of the style encoder, from which (v, b) is predicted

    def to_dict(self) -> dict[str, int]:
        """For the header of a checkpoint."""
        return asdict(self)


class Weights(NamedTuple):
    """The trunk and the shared head after spectral normalisation."""

    mix: tuple[Tensor, Tensor]  # (W, INPUTS, 1, 1), (W,)
    patch: tuple[Tensor, Tensor]  # (W, W, 3, 3), (W,)
    shared: tuple[Tensor, Tensor]  # (1, W, 1, 1), (1,)

    def frozen(self) -> Weights:
        """The same values outside the autograd graph: for the player that must not move them."""
        return Weights(*((weight.detach(), bias.detach()) for weight, bias in self))


class Critic(nn.Module):
    """Scores of patches: high for a painting of the style, low for a render."""

    center: Tensor
    scale: Tensor

    def __init__(self, config: CriticConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or CriticConfig()
        # Per-channel normalisation of the features, measured on works before training.
        self.register_buffer("center", torch.zeros(INPUTS))
        self.register_buffer("scale", torch.ones(INPUTS))
        self.mix = spectral_norm(nn.Conv2d(INPUTS, c.width, 1))
        self.patch = spectral_norm(nn.Conv2d(c.width, c.width, 3))
        self.shared = spectral_norm(nn.Conv2d(c.width, 1, 1))
        self.start = nn.Linear(c.embedding, c.width + 1)
        nn.init.normal_(self.start.weight, std=0.02)
        nn.init.zeros_(self.start.bias)

    @torch.no_grad()
    def calibrate(self, works: StyleStatistics) -> None:
        """Take the mean and spread of every channel from statistics of many works."""
        means = torch.cat([works.mean[layer].mean(0) for layer in LAYERS])
        squares = torch.cat([works.second[layer].diagonal(dim1=1, dim2=2).mean(0) for layer in LAYERS])
        spread = (squares - means.square()).clamp_min(0).sqrt()
        self.center.copy_(means)
        self.scale.copy_(spread + 0.1 * spread.mean())

    def shapes(self) -> dict[str, torch.Size]:
        """Shape of the per-style head, without the batch."""
        return dict(zip(HEAD, (torch.Size((self.config.width,)), torch.Size((1,))), strict=True))

    def head(self, embedding: Tensor) -> dict[str, Tensor]:
        """(B, embedding) of each style's examples -> (v, b) before adaptation: (B, W), (B, 1).

        The embedding is detached: the critic does not train the generator's encoder.
        """
        predicted: Tensor = self.start(embedding.detach())
        return {"critic.weight": predicted[:, :-1], "critic.bias": predicted[:, -1:]}

    def weights(self) -> Weights:
        """Normalised weights; in training mode each call takes a power-iteration step."""
        return Weights(
            _convolution(self.mix),
            _convolution(self.patch),
            _convolution(self.shared),
        )

    def scores(self, inputs: Tensor, head: Mapping[str, Tensor], weights: Weights) -> Tensor:
        """Scores of patches: (B, INPUTS, h, w) and B heads -> (B, h - 2, w - 2), float32.

        A patch is 3x3 positions at a quarter of the resolution: about 50 pixels a side with the
        receptive field of relu3_3.
        """
        x = (inputs - self.center[:, None, None]) / self.scale[:, None, None]
        x = F.leaky_relu(F.conv2d(x, *weights.mix), SLOPE)
        x = F.leaky_relu(F.conv2d(x, *weights.patch), SLOPE).float()  # (B, W, h - 2, w - 2)
        weight, bias = (head[name].float() for name in HEAD)
        # The root of a sum with a small constant, since a norm has no second derivative at zero.
        own = weight / (weight.square().sum(1, keepdim=True) + 1e-12).sqrt().clamp_min(1)
        shared = F.conv2d(x, weights.shared[0].float(), weights.shared[1].float())[:, 0]
        return shared + torch.einsum("bc,bchw->bhw", own, x) + bias[:, :, None]


def critic_inputs(features: Mapping[str, Tensor]) -> Tensor:
    """Features of the loss network -> (B, INPUTS, h, w) at a quarter of the resolution."""
    fine, coarse = (features[layer] for layer in LAYERS)
    return torch.cat([F.avg_pool2d(fine, 2), coarse], 1)


def window(inputs: Tensor, height: int, width: int, rng: random.Random) -> Tensor:
    """A random window of at most ``height`` x ``width`` positions of (B, C, h, w)."""
    top = rng.randint(0, max(0, inputs.shape[2] - height))
    left = rng.randint(0, max(0, inputs.shape[3] - width))
    return inputs[:, :, top : top + height, left : left + width]


def _convolution(layer: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    return layer.weight, layer.bias
