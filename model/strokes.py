"""How large strokes are: rendering small, and enlarging with the photo's own detail.

A feed-forward network paints strokes of a size in pixels, that of the pictures it was trained on. On a photo
of many pixels they are too fine to be seen, and what remains is another colouring. So a large photo is
rendered small, and what the rendering lacks of detail is taken from the photo: the render is enlarged, and
where it followed the photo's light in the small, it follows it in the large (joint upsampling by a guided
filter: He & Sun 2015, "Fast guided filter").
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model.passes import LARGEST_STROKES, Size

NATURAL_SIDE = 640  # pixels of the longer side at which strokes look as the examples' do
LEAST_SIDE = 64  # pixels of the shorter side that are left at least
_RADIUS = 1  # pixels of the small picture, of the window in which render and photo are compared
_FLAT = 0.01  # variance of light (levels 0..1) below which the photo has no detail to speak of
_ROWS = 512  # of the result, enlarged at once


def natural_stroke_size(size: Size) -> float:
    """Strokes as large as they are at ``NATURAL_SIDE``: a picture looks alike at any size."""
    return max(1.0, max(size) / NATURAL_SIDE)


def network_size(size: Size, stroke_size: float | None) -> Size:
    """The size at which a picture of ``size`` is rendered for strokes ``stroke_size`` times the network's.

    None: ``natural_stroke_size``. The shorter side keeps ``LEAST_SIDE`` pixels where it has them.
    """
    wanted = natural_stroke_size(size) if stroke_size is None else stroke_size
    scale = max(1.0, min(wanted, LARGEST_STROKES, min(size) / LEAST_SIDE))
    return (round(size[0] / scale), round(size[1] / scale)) if scale > 1 else size


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
