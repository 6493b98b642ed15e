"""The style encoder: statistics of K examples -> phi_0, the zero-step style.

A hypernetwork (Ghiasi et al. 2017 predict the normalisation parameters; Zaheer et al. 2017 give the
average over a set): each example's feature statistics are embedded, the embeddings are averaged over
the K examples, and a head predicts every gamma and beta, a gate for each direction of the low-rank
branches, and the colour map. The branches themselves start from shared, meta-learned matrices.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from model.perceptual.statistics import VGG_LAYERS, StyleStatistics
from model.perceptual.vgg import CHANNELS
from model.stylizer import Stylizer


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
    """Statistics of examples -> phi of a ``Stylizer``."""

    center: Tensor
    scale: Tensor

    def __init__(self, stylizer: Stylizer, config: EncoderConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or EncoderConfig()
        self.layers = stylizer.modulated()
        s = stylizer.config
        self.rank, self.blocks = s.rank, s.blocks
        self.last = stylizer.last_shape() if s.last_convolution else None
        # Per-number normalisation of the descriptions, measured on the training styles before training.
        self.register_buffer("center", torch.zeros(DESCRIPTION))
        self.register_buffer("scale", torch.ones(DESCRIPTION))
        self.embed = nn.Sequential(
            nn.Linear(DESCRIPTION, c.embedding), nn.ReLU(), nn.Linear(c.embedding, c.embedding), nn.ReLU()
        )
        outputs = 2 * sum(self.layers.values()) + self.rank * self.blocks + 12
        self.head = nn.Sequential(nn.Linear(c.embedding, c.hidden), nn.ReLU(), nn.Linear(c.hidden, outputs))
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.02)
        nn.init.zeros_(last.bias)
        self.down = nn.Parameter(torch.randn(self.blocks, self.rank, s.width) * s.width**-0.5)
        self.up = nn.Parameter(torch.randn(self.blocks, s.width, self.rank) * 0.05)

    def embedding(self, statistics: StyleStatistics) -> Tensor:
        """(B, embedding): one vector an example."""
        return self.embed_descriptions(describe(statistics))

    def embed_descriptions(self, descriptions: Tensor) -> Tensor:
        """(..., D) descriptions of examples -> (..., embedding)."""
        normalized = (descriptions - self.center) / self.scale
        embedded: Tensor = self.embed(normalized.clamp(-6, 6))
        return embedded

    def average(self, descriptions: Tensor, present: Tensor) -> Tensor:
        """(B, K, D) descriptions of each style's examples, (B, K) 1 where there is one -> (B, embedding)."""
        weight = present.unsqueeze(2)
        averaged: Tensor = (self.embed_descriptions(descriptions) * weight).sum(1) / weight.sum(1)
        return averaged

    def decode(self, embedding: Tensor) -> dict[str, Tensor]:
        """(B, embedding) averaged over each style's examples -> phi of B samples."""
        batch = embedding.shape[0]
        sizes = [n for channels in self.layers.values() for n in (channels, channels)]
        parts = self.head(embedding).split([*sizes, self.rank * self.blocks, 12], dim=1)
        phi: dict[str, Tensor] = {}
        for i, layer in enumerate(self.layers):
            phi[f"{layer}.gamma"] = 1 + parts[2 * i]
            phi[f"{layer}.beta"] = parts[2 * i + 1]
        gates = 1 + parts[-2].view(batch, self.blocks, self.rank)
        for i in range(self.blocks):
            phi[f"block{i}.down"] = gates[:, i, :, None] * self.down[i]
            phi[f"block{i}.up"] = self.up[i].expand(batch, -1, -1)
        eye = torch.eye(3, 4, device=embedding.device)
        phi["color"] = eye + parts[-1].view(batch, 3, 4)
        if self.last is not None:  # no change: the shared kernel is the start
            phi["out.delta"] = torch.zeros(batch, *self.last, device=embedding.device)
        return phi

    def together(self, works: StyleStatistics) -> Tensor:
        """K works of one style (batch K) -> one vector (1, embedding)."""
        return self.embedding(works).mean(0, keepdim=True)

    def forward(self, works: StyleStatistics) -> dict[str, Tensor]:
        """K works of one style (batch K) -> phi (B = 1)."""
        return self.decode(self.together(works))
