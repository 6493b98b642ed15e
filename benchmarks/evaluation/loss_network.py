"""The network that the training and adaptation losses use, as a judge: VGG16 features.

The bundled weights end at relu4_1, so the style layers are relu1_2, relu2_2, relu3_3 and relu4_1
(tables of other works use relu4_3 instead: their figures are not comparable digit by digit).
"""

import torch
from torch import Tensor

from model.image.losses.vgg import VGG16Features

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_1")
CONTENT_LAYER = "relu3_3"


class LossNetwork:
    """VGG16 trunk without gradients, in float32. ``network``: one that is in memory already."""

    def __init__(self, network: VGG16Features | None = None) -> None:
        self._network = network or VGG16Features()

    @torch.no_grad()
    def style_features(self, pictures: Tensor) -> dict[str, Tensor]:
        """``{layer: (B, C, H/s, W/s)}`` of ``pictures`` ``(B, 3, H, W)`` in 0..1; holds the content layer."""
        features: dict[str, Tensor] = self._network(pictures, STYLE_LAYERS)
        return features
