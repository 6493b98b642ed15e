"""Runs the perceptual networks of the losses as one: layers are asked for by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.image.losses.mobilenet import PREFIX, MobileNetV2Features
from model.image.losses.vgg import VGG16Features


class PerceptualNetwork(nn.Module):
    """VGG16 and MobileNetV2, frozen: ``(B, 3, H, W)`` RGB in 0..1 -> a dict of feature maps by layer name."""

    def __init__(self) -> None:
        super().__init__()
        self.vgg = VGG16Features()
        self.mobile = MobileNetV2Features()

    @property
    def device(self) -> torch.device:
        """Where both are."""
        return self.vgg.mean.device

    def forward(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """The asked layers of both; a network of which no layer is asked for does not run."""
        mobile = tuple(layer for layer in layers if layer.startswith(PREFIX))
        vgg = tuple(layer for layer in layers if not layer.startswith(PREFIX))
        found: dict[str, Tensor] = self.vgg(images, vgg) if vgg else {}
        return found | (self.mobile(images, mobile) if mobile else {})
