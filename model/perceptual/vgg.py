"""VGG16 features up to relu4_1 (Simonyan & Zisserman 2015), the perceptual network of every loss."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

from model.errors import CheckpointFormatError, CheckpointMissingError

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
DEFAULT_WEIGHTS = Path(__file__).parent.parent / "weights" / "vgg16.safetensors"


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
        path = weights or DEFAULT_WEIGHTS
        if not path.is_file():
            raise CheckpointMissingError(
                f"no perceptual weights at {path}; make them with scripts/convert_vgg16.py"
            )
        # Only the convolutions: ``vgg16()`` would also make half a gigabyte of classifier.
        self.features = make_layers(cfgs["D"])[: RELU_INDEX["relu4_1"] + 1]
        for module in self.features:
            if isinstance(module, nn.ReLU):
                module.inplace = False  # every activation is an output
        try:
            tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
            self.load_state_dict(tensors, strict=True)
        except (SafetensorError, RuntimeError) as error:
            raise CheckpointFormatError(f"{path} does not hold the VGG16 trunk: {error}") from error
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Return ``{layer: (B, C, H/s, W/s)}`` for the asked layers, s = 1, 2, 4 or 8 by block."""
        wanted = {RELU_INDEX[layer]: layer for layer in layers}
        last = max(wanted)
        found: dict[str, Tensor] = {}
        x = (images - self.mean) / self.std
        for index, module in enumerate(self.features[: last + 1]):
            x = module(x)
            if index in wanted:
                found[wanted[index]] = x
        return found
