"""Describes every place of a picture by one vector of features, from the finest layer to the coarsest.

All layers of VGG16 up to relu4_1, brought to a quarter of the picture's size and joined (Hariharan et al.
2015; as descriptors of style: Kolkin et al. 2022). Two places with like hypercolumns look alike at every
scale that the network sees.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.losses.vgg import VGG16Features

HYPERCOLUMN_LAYERS = (
    "relu1_1",
    "relu1_2",
    "relu2_1",
    "relu2_2",
    "relu3_1",
    "relu3_2",
    "relu3_3",
    "relu4_1",
)
CHANNELS = 64 + 64 + 128 + 128 + 256 + 256 + 256 + 512
STRIDE = 4  # pixels between places


def hypercolumns(features: dict[str, Tensor]) -> Tensor:
    """{layer: (B, C, H/s, W/s)} of all layers -> (B, H/4 * W/4, CHANNELS), float32."""
    height, width = features["relu3_1"].shape[2:]
    return torch.cat([_places(features[layer], height, width) for layer in HYPERCOLUMN_LAYERS], 2)


def look_at(network: VGG16Features, images: Tensor) -> Tensor:
    """(B, 3, H, W) in 0..1, sides multiples of four -> (B, H/4 * W/4, CHANNELS)."""
    return hypercolumns(network(images, HYPERCOLUMN_LAYERS))


def _places(feature: Tensor, height: int, width: int) -> Tensor:
    """(B, C, h, w) -> (B, height * width, C): averaged where finer, interpolated where coarser."""
    if feature.shape[2] > height:
        feature = F.avg_pool2d(feature, feature.shape[2] // height)
    elif feature.shape[2:] != (height, width):
        feature = F.interpolate(feature, (height, width), mode="bilinear", align_corners=False)
    return feature.permute(0, 2, 3, 1).flatten(1, 2).float()
