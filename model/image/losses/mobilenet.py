"""Computes MobileNetV2 features (Sandler et al. 2018), the second perceptual network of the losses.

One network is easily pleased: pixels optimised for VGG16 alone are far from the style on every other
network. This one has another architecture, and was trained to tell styles apart (it is the trunk of
Magenta's style predictor).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.image.losses.frozen_files import load_frozen

PREFIX = "mobile."  # of names of layers
# Output channels and stride of each inverted residual block; all but the first expand six times.
BLOCKS = (
    (16, 1),
    (24, 2),
    (24, 1),
    (32, 2),
    (32, 1),
    (32, 1),
    (64, 2),
    (64, 1),
    (64, 1),
    (64, 1),
    (96, 1),
    (96, 1),
    (96, 1),
)
STEM = 32  # channels
EXPANSION = 6
DEFAULT_WEIGHTS = Path(__file__).parents[2] / "weights" / "mobilenet.safetensors"


class MobileNetV2Features(nn.Module):
    """Frozen trunk: ``(B, 3, H, W)`` RGB in 0..1 -> a dict of feature maps by layer name.

    Layers are ``mobile.stem`` (32 channels, half resolution) and ``mobile.block0`` to ``mobile.block12``:
    outputs of the inverted residual blocks, which are linear (they may be negative). Batch normalisation is
    folded in. Computes in float32 under autocast too: with bf16 its Gram matrices are off by a tenth
    (decision 10).

    ``weights`` is a safetensors file made by ``scripts/convert_mobilenet.py``. Raises
    ``CheckpointMissingError`` when it is not there and ``CheckpointFormatError`` when it does not fit.
    """

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        self.stem = _conv(3, STEM, 3, stride=2)
        inputs = STEM
        for index, (outputs, stride) in enumerate(BLOCKS):
            self.add_module(f"block{index}", _Block(inputs, outputs, stride, expand=index > 0))
            inputs = outputs
        load_frozen(self, weights or DEFAULT_WEIGHTS, "MobileNetV2", "scripts/convert_mobilenet.py")

    def forward(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Return ``{layer: (B, C, H/s, W/s)}`` for the asked layers, s = 2 to 16."""
        with torch.autocast(images.device.type, enabled=False):
            return self._features(images.to(torch.promote_types(images.dtype, torch.float32)), layers)

    def _features(self, images: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        left = {layer.removeprefix(PREFIX) for layer in layers}
        found: dict[str, Tensor] = {}
        x = images.contiguous(memory_format=torch.channels_last)
        for name, module in self.named_children():
            if not left:
                return found
            x = F.relu6(_padded(module, x)) if isinstance(module, nn.Conv2d) else module(x)
            if name in left:
                found[PREFIX + name] = x
                left.remove(name)
        if left:
            raise KeyError(f"no such layers: {', '.join(sorted(left))}")
        return found


class _Block(nn.Module):
    """Inverted residual: expand, filter each channel, project; added to the input where shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, expand: bool) -> None:
        super().__init__()
        width = EXPANSION * inputs if expand else inputs
        self.expand = _conv(inputs, width, 1) if expand else None
        self.depthwise = _conv(width, width, 3, stride=stride, groups=width)
        self.project = _conv(width, outputs, 1)
        self.residual = expand and stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else F.relu6(self.expand(x))
        y: Tensor = self.project(F.relu6(_padded(self.depthwise, wide)))
        return x + y if self.residual else y


def _conv(inputs: int, outputs: int, size: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride=stride, groups=groups)


def _padded(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """The convolution with zeros around as the network was trained: with a stride, only right and below."""
    found: Tensor = layer(F.pad(x, (0, 1, 0, 1) if layer.stride[0] == 2 else (1, 1, 1, 1)))
    return found
