"""Pictures that are small to send and dear to take in."""

from io import BytesIO

import numpy as np
from PIL import Image

_SCANS = 90  # below the bound of a JPEG's scans: what is refused costs nothing
_TILE = 4  # rows; their period lies in WebP's window and outside of deflate's


def slow_picture(width: int = 4800, height: int = 3600) -> bytes:
    """A progressive JPEG without detail whose last scan is repeated: each costs a few bytes to send, and a
    walk through all blocks to decode."""
    buffer = BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, "JPEG", quality=30, progressive=True)
    data = buffer.getvalue()
    scan = data[data.rindex(b"\xff\xda") : -2]
    scans = data.count(b"\xff\xda")
    return data[:-2] + scan * (_SCANS - scans) + b"\xff\xd9"


def amplified_picture(width: int = 4096, height: int = 2440) -> bytes:
    """A lossless WebP of rows of noise, repeated: as PNG it would be hundreds of times as large."""
    tile = np.random.default_rng(0).integers(0, 256, (_TILE, width, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(np.tile(tile, (height // _TILE, 1, 1))).save(buffer, "WEBP", lossless=True, method=0)
    return buffer.getvalue()
