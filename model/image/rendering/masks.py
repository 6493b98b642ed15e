"""Mixes two renderings by a mask with a soft edge: one inside, another or the photo outside."""

from __future__ import annotations

from PIL import Image, ImageFilter


def soften(mask: Image.Image, size: tuple[int, int], feather: float) -> Image.Image:
    """The mask (any mode: white is inside) as greys at ``size``, its edge blurred by ``feather`` pixels.

    ``feather`` is the standard deviation of a Gaussian in pixels of the result; 0 keeps the mask's edge.
    """
    grey = mask.convert("L")
    if grey.size != size:
        grey = grey.resize(size, Image.Resampling.BILINEAR)
    return grey.filter(ImageFilter.GaussianBlur(feather)) if feather > 0 else grey


def mix(inside: Image.Image, outside: Image.Image, mask: Image.Image) -> Image.Image:
    """Both renderings (RGB) weighted by the greys of ``mask``; all of one size."""
    return Image.composite(inside, outside, mask)
