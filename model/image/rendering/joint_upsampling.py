"""Enlarges a render to the size of its photo, with the photo's own detail.

A picture is drawn on 512 pixels: strokes keep their size relative to the picture. For a larger result the
render is enlarged, and where it followed the photo's light in the small, it follows it in the large (joint
upsampling by a guided filter: He & Sun 2015, "Fast guided filter").
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

_RADIUS = 1  # pixels of the small picture, of the window in which render and photo are compared
_FLAT = 0.01  # variance of light (levels 0..1) below which the photo has no detail to speak of
_ROWS = 512  # of the result, enlarged at once


def enlarge(render: Image.Image, small: Image.Image, photo: Image.Image) -> Image.Image:
    """The render of a ``small`` photo, at the size of the ``photo`` and with its detail. All RGB.

    Locally the render is ``a`` times the photo's light and a constant; a finer photo has ``a`` times more
    detail. Where the photo is flat, ``a`` is about 0: its grain stays away.
    """
    gains = [Image.fromarray(gain) for gain in _gains(render, small).numpy()]
    channels = [channel.convert("F") for channel in render.split()]  # strips of rounded ones would differ
    light, coarse = photo.convert("L"), small.convert("F")
    across, down = small.width / photo.width, small.height / photo.height
    result = Image.new("RGB", photo.size)
    for top in range(0, photo.height, _ROWS):
        rows = min(_ROWS, photo.height - top)
        box = (0.0, top * down, photo.width * across, (top + rows) * down)

        def enlarged(image: Image.Image, how: Image.Resampling) -> NDArray[np.float32]:
            return np.asarray(image.resize((photo.width, rows), how, box))  # noqa: B023 - called in this turn

        own = np.asarray(light.crop((0, top, photo.width, top + rows)), dtype=np.float32)
        detail = own - enlarged(coarse, Image.Resampling.BICUBIC)
        made = [
            enlarged(channel, Image.Resampling.BICUBIC) + enlarged(gain, Image.Resampling.BILINEAR) * detail
            for channel, gain in zip(channels, gains, strict=True)
        ]
        rounded = (np.stack(made, axis=2) + 0.5).clip(0, 255).astype(np.uint8)
        result.paste(Image.fromarray(rounded), (0, top))
    return result


def _gains(render: Image.Image, small: Image.Image) -> Tensor:
    """(3, h, w): the slope of each channel of the render over the photo's light, around every pixel."""
    x = torch.from_numpy(np.asarray(small.convert("L"), dtype=np.float32))[None, None] / 255
    y = torch.from_numpy(np.asarray(render, dtype=np.float32)).permute(2, 0, 1)[None] / 255
    mean_x, mean_y = _mean(x), _mean(y)
    variance = (_mean(x * x) - mean_x.square()).clamp_min(0)
    covariance = _mean(x * y) - mean_x * mean_y
    return _mean(covariance / (variance + _FLAT))[0]


def _mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(x, (_RADIUS,) * 4, mode="replicate"), 2 * _RADIUS + 1, 1)
