"""Render photos with transparent parts: fill in their colours, and put the transparency back."""

from __future__ import annotations

from PIL import Image, ImageChops


def opaque(content: Image.Image) -> Image.Image:
    """RGB: every colour as it is, however transparent; and where there is none, those around it.

    On a ground of one colour instead, that colour would be mixed into what is half transparent for good, and
    would be seen as a rim.
    """
    if content.mode != "RGBA":
        return content.convert("RGB")
    seen = content.getchannel("A").point([0, *[255] * 255])
    if seen.getextrema() == (255, 255):
        return content.convert("RGB")
    levels = [content.copy()]
    levels[0].putalpha(seen)
    while max(levels[-1].size) > 1:
        width, height = levels[-1].size
        half = levels[-1].resize(((width + 1) // 2, (height + 1) // 2), Image.Resampling.BOX)
        half.putalpha(half.getchannel("A").point([0, *[255] * 255]))
        levels.append(half)
    filled = Image.new("RGB", (1, 1), "white")  # of a picture that is transparent all over
    for level in reversed(levels):
        filled = filled.resize(level.size, Image.Resampling.BILINEAR)
        filled.paste(level.convert("RGB"), mask=level.getchannel("A"))
    return filled


def with_alpha_of(
    rendered: Image.Image, content: Image.Image, mask: Image.Image | None = None
) -> Image.Image:
    """The rendered picture (RGB) with the content's alpha channel, when it has one, at the new size.

    ``mask``: greys at the new size; where it is black the photo stays as it is, so with the colours that
    nobody sees.
    """
    if content.mode != "RGBA":
        return rendered
    alpha = content.getchannel("A")
    result = rendered.convert("RGB")
    if alpha.size != result.size:
        alpha = alpha.resize(result.size, Image.Resampling.LANCZOS)
    elif mask is not None:
        unseen = ImageChops.lighter(alpha, mask).point([255, *[0] * 255])
        result.paste(content.convert("RGB"), mask=unseen)
    result.putalpha(alpha)
    return result
