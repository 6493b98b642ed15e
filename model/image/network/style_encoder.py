"""Predicts phi_0, the zero-step style, from statistics of K examples.

A hypernetwork (Ghiasi et al. 2017 predict the normalisation parameters; Zaheer et al. 2017 give the
average over a set): each example's feature statistics are embedded, the embeddings are averaged over
the K examples, and a head predicts every gamma and beta, a gate for each direction of the low-rank
branches, and the colour map. The branches themselves start from shared, meta-learned matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from model.image.losses.statistics import VGG_LAYERS, StyleStatistics
from model.image.losses.vgg import CHANNELS
from model.image.network.style_params import stack
from model.image.network.stylizer import Stylizer
from model.image.pyramid import SIDES


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of the encoder."""

    embedding: int = 256
    hidden: int = 256

    def to_dict(self) -> dict[str, int]:
        """For the header of a checkpoint."""
        return asdict(self)


def describe(statistics: StyleStatistics) -> Tensor:
    """(B, D): log means and log spreads of every channel, and mean and covariance of the colours."""
    parts = []
    for layer in VGG_LAYERS:
        parts += [(statistics.mean[layer] + 1e-2).log(), (statistics.std(layer) + 1e-2).log()]
    colors = statistics.colors
    mean = colors.mean(1)
    centred = colors - mean.unsqueeze(1)
    covariance = centred.transpose(1, 2) @ centred / colors.shape[1]
    parts += [4 * mean - 2, 16 * covariance.flatten(1)]
    return torch.cat(parts, 1)


DESCRIPTION = 2 * sum(CHANNELS[layer] for layer in VGG_LAYERS) + 3 + 9


class StyleEncoder(nn.Module):
    """Statistics of examples, seen at the size of each level -> phi of a ``Stylizer`` at that level.

    The embedding is common to all levels; each level has a head of its own, and its own directions of the
    low-rank branches.
    """

    center: Tensor
    scale: Tensor

    def __init__(
        self, stylizer: Stylizer, config: EncoderConfig | None = None, *, levels: int = len(SIDES)
    ) -> None:
        super().__init__()
        self.config = c = config or EncoderConfig()
        self.levels = levels
        self.layers = stylizer.modulated()
        s = stylizer.config
        self.rank, self.blocks = s.rank, s.blocks
        self.last = stylizer.last_shape() if s.last_convolution else None
        # Per-number normalisation of the descriptions, measured on the training styles before training.
        self.register_buffer("center", torch.zeros(levels, DESCRIPTION))
        self.register_buffer("scale", torch.ones(levels, DESCRIPTION))
        self.embed = nn.Sequential(
            nn.Linear(DESCRIPTION, c.embedding), nn.ReLU(), nn.Linear(c.embedding, c.embedding), nn.ReLU()
        )
        outputs = 2 * sum(self.layers.values()) + self.rank * self.blocks + 12
        self.heads = nn.ModuleList(_head(c, outputs) for _ in range(levels))
        self.down = nn.Parameter(torch.randn(levels, self.blocks, self.rank, s.width) * s.width**-0.5)
        self.up = nn.Parameter(torch.randn(levels, self.blocks, s.width, self.rank) * 0.05)

    def embed_descriptions(self, descriptions: Tensor, level: int) -> Tensor:
        """(..., D) descriptions of examples at a level -> (..., embedding)."""
        normalized = (descriptions - self.center[level]) / self.scale[level]
        embedded: Tensor = self.embed(normalized.clamp(-6, 6))
        return embedded

    def embed_style(self, descriptions: Tensor, level: int) -> Tensor:
        """(K, D) descriptions of one style's examples at a level -> (1, embedding), averaged over them."""
        return self.embed_descriptions(descriptions, level).mean(0, keepdim=True)

    def decode(self, embedding: Tensor, level: int) -> dict[str, Tensor]:
        """(B, embedding) averaged over each style's examples -> phi of B samples at a level."""
        batch = embedding.shape[0]
        sizes = [n for channels in self.layers.values() for n in (channels, channels)]
        parts = self.heads[level](embedding).split([*sizes, self.rank * self.blocks, 12], dim=1)
        phi: dict[str, Tensor] = {}
        for i, layer in enumerate(self.layers):
            phi[f"{layer}.gamma"] = 1 + parts[2 * i]
            phi[f"{layer}.beta"] = parts[2 * i + 1]
        gates = 1 + parts[-2].view(batch, self.blocks, self.rank)
        for i in range(self.blocks):
            phi[f"block{i}.down"] = gates[:, i, :, None] * self.down[level, i]
            phi[f"block{i}.up"] = self.up[level, i].expand(batch, -1, -1)
        eye = torch.eye(3, 4, device=embedding.device)
        phi["color"] = eye + parts[-1].view(batch, 3, 4)
        if self.last is not None:  # no change: the shared kernel is the start
            phi["out.delta"] = torch.zeros(batch, *self.last, device=embedding.device)
        return phi

    def predict(self, descriptions: Tensor, level: int) -> dict[str, Tensor]:
        """(K, D) descriptions of one style's examples at a level -> phi of that level (B = 1)."""
        return self.decode(self.embed_style(descriptions, level), level)

    def forward(self, descriptions: Sequence[Tensor]) -> dict[str, Tensor]:
        """(K, D) at every level, coarse to fine -> phi of a style, a sample a level."""
        return stack([self.predict(each, level) for level, each in enumerate(descriptions)])


def _head(config: EncoderConfig, outputs: int) -> nn.Sequential:
    last = nn.Linear(config.hidden, outputs)
    nn.init.normal_(last.weight, std=0.02)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(config.embedding, config.hidden), nn.ReLU(), last)
