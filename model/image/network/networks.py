"""Holds the two trained networks as one module: what a checkpoint has."""

from __future__ import annotations

from torch import Tensor, nn

from model.image.network.style_encoder import EncoderConfig, StyleEncoder
from model.image.network.style_params import Phi
from model.image.network.stylizer import Stylizer, StylizerConfig


class Networks(nn.Module):
    """Stylizer and style encoder: what a checkpoint holds."""

    def __init__(self, stylizer: StylizerConfig | None = None, encoder: EncoderConfig | None = None) -> None:
        super().__init__()
        self.stylizer = Stylizer(stylizer)
        self.encoder = StyleEncoder(self.stylizer, encoder)

    def forward(self, photos: Tensor, phi: Phi) -> Tensor:
        """Render (B, 3, H, W) photos under B styles."""
        rendered: Tensor = self.stylizer(photos, phi)
        return rendered
