"""The stylizer: a feed-forward network that renders a photo under style parameters phi.

After Johnson et al. 2016 (residual transformer network), Dumoulin et al. 2017 (conditional instance
normalisation) and LoRA (low-rank branches), with two changes for speed and clean flat areas: no
convolution on many channels at full resolution, and bilinear instead of nearest upsampling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.image.network.instance_norm import instance_norm
from model.image.network.style_params import Phi


@dataclass(frozen=True)
class StylizerConfig:
    """Shape of the network."""

    half: int = 32  # channels at half resolution on the way down
    width: int = 96  # channels of the residual blocks, at a quarter of the resolution
    blocks: int = 5
    rank: int = 8  # of the low-rank branch of each block
    up_half: int = 48  # channels at half resolution on the way up
    up_full: int = 16  # channels at full resolution
    last_convolution: bool = False  # phi holds a change of the last convolution too

    def to_dict(self) -> dict[str, int]:
        """For the header of a checkpoint."""
        return asdict(self)


def modulate(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """Conditional instance normalisation: (B, C, H, W), (B, C), (B, C) -> (B, C, H, W), channels last."""
    return instance_norm(x, gamma, beta)


Normalize = Callable[[Tensor, Tensor, Tensor, str], Tensor]


class Stylizer(nn.Module):
    """(B, 3, H, W) RGB in 0..1 and phi of B samples -> (B, 3, H, W) in 0..1; any H, W >= 16."""

    def __init__(self, config: StylizerConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or StylizerConfig()
        self.down1 = _conv(12, c.half)
        self.down2 = _conv(c.half, c.width, stride=2)
        self.blocks = nn.ModuleList(
            nn.ModuleList([_conv(c.width, c.width), _conv(c.width, c.width)]) for _ in range(c.blocks)
        )
        self.up1 = _conv(c.width, c.up_half)
        self.up2 = _conv(c.up_half, c.up_full)
        self.out = _conv(c.up_full, 3)

    def modulated(self) -> dict[str, int]:
        """Every layer with a gamma and a beta, and its channels."""
        c = self.config
        layers = {"down1": c.half, "down2": c.width}
        for i in range(c.blocks):
            layers |= {f"block{i}.conv1": c.width, f"block{i}.conv2": c.width}
        return layers | {"up1": c.up_half, "up2": c.up_full}

    def forward(self, photos: Tensor, phi: Phi, normalize: Normalize | None = None) -> Tensor:
        """Render; H and W are padded by reflection to multiples of 4 and cropped back.

        ``normalize``: takes the place of ``modulate`` (x, gamma, beta, name of the layer), for statistics
        that are not those of the photo alone.
        """
        kind = photos.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else photos.dtype
        # Autocast by hand: its lists would pad and interpolate in float32, with two conversions a layer.
        with torch.autocast(kind, enabled=False):
            return self._render(photos, phi, dtype, normalize)

    def _render(self, photos: Tensor, phi: Phi, dtype: torch.dtype, normalize: Normalize | None) -> Tensor:
        height, width = photos.shape[2:]
        pad_h, pad_w = -height % 4, -width % 4
        x = F.pad(photos, (0, pad_w, 0, pad_h), mode="reflect") if pad_h or pad_w else photos
        x = F.pixel_unshuffle((x - 0.5).to(dtype), 2)
        x = x.contiguous(memory_format=torch.channels_last)  # and all that follows

        def norm(y: Tensor, layer: str) -> Tensor:
            gamma, beta = phi[f"{layer}.gamma"], phi[f"{layer}.beta"]
            return modulate(y, gamma, beta) if normalize is None else normalize(y, gamma, beta, layer)

        x = F.relu(norm(_convolve(self.down1, x), "down1"))  # (B, half, H/2, W/2)
        x = F.relu(norm(_convolve(self.down2, x), "down2"))  # (B, width, H/4, W/4)
        for i, block in enumerate(self.blocks):
            assert isinstance(block, nn.ModuleList)
            first, second = block
            assert isinstance(first, nn.Conv2d)
            assert isinstance(second, nn.Conv2d)
            y = F.relu(norm(_convolve(first, x), f"block{i}.conv1"))
            low = mix_channels(mix_channels(y, phi[f"block{i}.down"]), phi[f"block{i}.up"])
            x = x + norm(_convolve(second, y) + low, f"block{i}.conv2")
        x = F.relu(norm(_convolve(self.up1, upsample(x)), "up1"))  # (B, up_half, H/2, W/2)
        x = F.relu(norm(_convolve(self.up2, upsample(x)), "up2"))  # (B, up_full, H, W)
        delta = phi["out.delta"] if self.config.last_convolution else None
        x = (_convolve(self.out, x) if delta is None else self._last(x, delta)).float()
        # x: (B, 3, H, W)
        color = phi["color"].float()
        x = mix_channels(x, color[:, :, :3], color[:, :, 3])
        return torch.sigmoid(x)[..., :height, :width]

    def last_shape(self) -> torch.Size:
        """Shape of the last convolution's kernel, and of one sample's change of it."""
        return self.out.weight.shape

    def _last(self, x: Tensor, delta: Tensor) -> Tensor:
        """The last convolution with a kernel for each sample: (B, C, H, W), (B, 3, C, 3, 3) -> (B, 3, H, W).

        One convolution with a group a sample. A low-rank change would save nothing, since the kernel is a
        3 x 9C matrix, of rank three at most, and would cost a second convolution at full resolution.
        """
        batch, channels, height, width = x.shape
        assert self.out.bias is not None
        kernels = (self.out.weight + delta).flatten(0, 1)  # (3B, C, 3, 3)
        folded = F.pad(x.reshape(1, batch * channels, height, width), (1, 1, 1, 1), mode="reflect")
        rendered = F.conv2d(folded, kernels.to(x.dtype), groups=batch).reshape(batch, 3, height, width)
        return rendered + self.out.bias.to(x.dtype)[:, None, None]


def mix_channels(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A 1x1 convolution with weights of its own for each sample: (B, C, H, W), (B, D, C) -> (B, D, H, W).

    ``bias``: (B, D). A product of matrices without a copy where x is channels-last, and so is the result.
    """
    weight = weight.to(x.dtype).transpose(1, 2)
    flat = x.permute(0, 2, 3, 1).flatten(1, 2)  # (B, N, C)
    mixed = flat @ weight if bias is None else torch.baddbmm(bias.to(x.dtype).unsqueeze(1), flat, weight)
    return mixed.reshape(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)


def _convolve(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """The convolution in the precision of its input, with a border by reflection."""
    weight = layer.weight.to(x.dtype, memory_format=torch.channels_last)
    bias = layer.bias.to(x.dtype) if layer.bias is not None else None
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias, stride=layer.stride)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, padding_mode="reflect")


def upsample(x: Tensor) -> Tensor:
    """Twice the size, bilinearly: (B, C, H, W) -> (B, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
