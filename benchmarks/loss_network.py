"""The network that the training and adaptation losses use, as a judge: VGG16 features.

The bundled weights end at relu4_1, so the style layers are relu1_2, relu2_2, relu3_3 and relu4_1
(tables of other works use relu4_3 instead: their figures are not comparable digit by digit).
"""

from pathlib import Path

import torch
from torch import Tensor

from model.perceptual.vgg import VGG16Features

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_1")
CONTENT_LAYER = "relu3_3"


class LossNetwork:
    """VGG16 trunk without gradients. ``weights``: another safetensors file than the bundled one.

    Raises:
        CheckpointMissingError: no weights.
        CheckpointFormatError: the weights do not fit.
    """

    def __init__(self, weights: Path | None = None) -> None:
        self._network = VGG16Features(weights)

    @torch.no_grad()
    def style_features(self, pictures: Tensor) -> dict[str, Tensor]:
        """``{layer: (B, C, H/s, W/s)}`` of ``pictures`` ``(B, 3, H, W)`` in 0..1; holds the content layer."""
        features: dict[str, Tensor] = self._network(pictures, STYLE_LAYERS)
        return features
