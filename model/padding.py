"""Pictures smaller than the network can take: mirrored until they are large enough, and cut out again."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

LEAST_SIDE = 16  # pixels a side: with fewer the border by reflection is wider than the map that it is of


def padded(picture: Image.Image) -> Image.Image:
    """An RGB picture of at least ``LEAST_SIDE`` pixels a side, with this one in its corner.

    By mirroring: the statistics of the whole, which the network normalises by, stay about the picture's own.
    """
    if min(picture.size) >= LEAST_SIDE:
        return picture
    pixels = np.asarray(picture)
    return Image.fromarray(pixels[_mirrored(picture.height)][:, _mirrored(picture.width)])


def padded_frame(frame: Tensor) -> Tensor:
    """``padded`` of (3, H, W)."""
    height, width = frame.shape[1:]
    if min(height, width) >= LEAST_SIDE:
        return frame
    return frame[:, _mirrored(height)][:, :, _mirrored(width)]


def _mirrored(length: int) -> list[int]:
    """Positions in a row of ``length``, there and back again, until they are enough."""
    there_and_back = [*range(length), *reversed(range(length))]
    return [there_and_back[i % (2 * length)] for i in range(max(length, LEAST_SIDE))]
