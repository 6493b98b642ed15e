"""Computes VGG16 features up to relu4_1 (Simonyan & Zisserman 2015), the first network of the losses."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from model.image.losses.frozen_files import load_frozen

# Name of a layer -> index of its ReLU in torchvision's ``vgg16().features``.
RELU_INDEX = {
    "relu1_1": 1,
    "relu1_2": 3,
    "relu2_1": 6,
    "relu2_2": 8,
    "relu3_1": 11,
    "relu3_2": 13,
    "relu3_3": 15,
    "relu4_1": 18,
}
CHANNELS = {"relu1_1": 64, "relu1_2": 64, "relu2_2": 128, "relu3_3": 256, "relu4_1": 512}
# Output channels of the 3x3 convolutions, each with a ReLU; "M" is 2x2 max pooling (configuration D).
_CONFIGURATION: tuple[int | str, ...] = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512)
DEFAULT_WEIGHTS = Path(__file__).parents[2] / "weights" / "vgg16.safetensors"


class VGG16Features(nn.Module):
    """Frozen VGG16 trunk: ``(B, 3, H, W)`` RGB in 0..1 -> a dict of feature maps by layer name.

    ``weights`` is a safetensors file with torchvision's names (``features.0.weight`` …); the bundled
    one is made by ``scripts/convert_vgg16.py``, which also converts torchvision's ImageNet weights.

    Raises ``CheckpointMissingError`` when the file is not there and ``CheckpointFormatError`` when it
    does not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        self.features = _trunk()
        load_frozen(self, weights or DEFAULT_WEIGHTS, "VGG16", "scripts/convert_vgg16.py")
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Return ``{layer: (B, C, H/s, W/s)}`` for the asked layers, s = 1, 2, 4 or 8 by block."""
        wanted = {RELU_INDEX[layer]: layer for layer in layers}
        last = max(wanted)
        found: dict[str, Tensor] = {}
        x = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        for index, module in enumerate(self.features[: last + 1]):
            x = module(x)
            if index in wanted:
                found[wanted[index]] = x
        return found


def _trunk() -> nn.Sequential:
    """torchvision's ``vgg16().features`` up to relu4_1, with the same indices and out-of-place ReLUs.

    Built here, because importing torchvision costs a worker 200 MB and four seconds at every start; a
    test compares the two.
    """
    modules: list[nn.Module] = []
    channels = 3
    for entry in _CONFIGURATION:
        if isinstance(entry, int):
            modules += [nn.Conv2d(channels, entry, 3, padding=1), nn.ReLU(inplace=True)]
            channels = entry
        else:
            modules.append(nn.MaxPool2d(2))
    return nn.Sequential(*modules)
