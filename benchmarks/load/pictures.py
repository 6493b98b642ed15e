"""Pictures that weigh as much as photos do: smooth shapes with some noise, as JPEG."""

from io import BytesIO

import numpy as np
from PIL import Image


def photo(side: int, seed: int) -> bytes:
    """``side`` x ``side`` pixels; the same for the same seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    pixels = np.asarray(coarse, dtype=np.int16) + rng.integers(-12, 12, (side, side, 3), dtype=np.int16)
    buffer = BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, format="JPEG", quality=88)
    return buffer.getvalue()
