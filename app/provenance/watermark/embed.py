"""Put the watermark into a picture: more where it has texture, little where it is smooth."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from app.provenance.watermark.pattern import TILES, tile
from app.provenance.watermark.payload import Payload

LEAST_SIDE = 128
"""px of the longer side: a smaller picture has no room for it."""

_STEPS = 16  # of one grey level: strengths are kept in bytes
_FLAT, _TEXTURED, _MOST = 0.6, 0.25, 3.2  # grey levels: where nothing is, for each of texture, at most


def embed(image: Image.Image, payload: Payload, drawn: Image.Image | None = None) -> Image.Image:
    """The picture (RGB or RGBA) with the watermark in its colours, the same in each of them.

    ``drawn``: greys of the picture's size; where it is black no pixel is changed, nor where the picture is
    transparent.
    """
    longer = max(image.size)
    if longer < LEAST_SIDE:
        return image
    colours = image.convert("RGB")
    strengths = _strengths(colours)
    if drawn is not None:
        strengths = ImageChops.multiply(strengths, drawn.convert("L"))
    if image.mode == "RGBA":
        strengths = ImageChops.multiply(strengths, image.getchannel("A").point([0, *[255] * 255]))
    changes = _changes(np.asarray(strengths), payload, round(longer / TILES))
    marked = ImageChops.add(colours, Image.merge("RGB", [changes] * 3), offset=-128)
    if image.mode == "RGBA":
        marked.putalpha(image.getchannel("A"))
    return marked


def _strengths(colours: Image.Image) -> Image.Image:
    """In sixteenths of grey levels. The least of a neighbourhood counts: beside an edge, noise is seen."""
    cell = max(1, round(max(colours.size) / TILES / 64))
    small = colours.convert("L").reduce(cell)
    texture = ImageChops.difference(small, small.filter(ImageFilter.BoxBlur(4)))
    least = texture.reduce(4).filter(ImageFilter.MinFilter(3)).filter(ImageFilter.BoxBlur(1))
    levels = [round(_STEPS * min(_MOST, _FLAT + _TEXTURED * value)) for value in range(256)]
    return least.point(levels).resize(colours.size, Image.Resampling.BILINEAR)


def _changes(strengths: NDArray[np.uint8], payload: Payload, side: int) -> Image.Image:
    """What to add to each pixel, plus 128."""
    height, width = strengths.shape
    pattern = np.clip(np.rint(tile(payload, side) * 32), -127, 127).astype(np.int16)
    half = 32 * _STEPS // 2
    changes = np.empty((height, width), np.uint8)
    for top in range(0, height, side):
        for left in range(0, width, side):
            part = strengths[top : top + side, left : left + side]
            product = part * pattern[: part.shape[0], : part.shape[1]]
            changes[top : top + side, left : left + side] = ((product + half) >> 9) + 128
    return Image.fromarray(changes)
