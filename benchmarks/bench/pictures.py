"""Photos of any size, from those that the engine brings along."""

import numpy as np
from PIL import Image

from model.image.engine import BANK
from model.image.media.folders import pictures

_GRAIN = 2.0  # levels; what a sensor leaves: an enlarged photo alone would be flatter than any camera's


def photo(side: int, seed: int) -> Image.Image:
    """A square bundled photo at ``side`` pixels, with grain; another one for each seed, in turn."""
    found = pictures(BANK)
    image = Image.open(found[seed % len(found)]).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(seed).normal(0, _GRAIN, (side, side, 1))
    return Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8))
