"""Encode result pictures."""

from io import BytesIO
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.imaging.formats import OutputFormat

__all__ = ["OutputFormat", "encode", "flatten"]

_QUALITY = 92
_OPTIONS: dict[OutputFormat, dict[str, int]] = {
    OutputFormat.PNG: {"compress_level": 4},
    OutputFormat.JPEG: {"subsampling": 0},  # 4:4:4: painted colours have sharp edges
    OutputFormat.WEBP: {"method": 4},
}


def flatten(image: Image.Image, ground: str = "white") -> Image.Image:
    """RGB; transparent parts on a ground of one colour."""
    if image.mode != "RGBA":
        return image.convert("RGB")
    below = Image.new("RGBA", image.size, ground)
    below.alpha_composite(image)
    return below.convert("RGB")


def encode(
    image: Image.Image, output: OutputFormat, *, quality: int | None = None, xmp: bytes | None = None
) -> bytes:
    """The file's bytes, with no metadata but ``xmp``. JPEG has no alpha: transparent parts become white.

    ``quality`` (1 to 100, default 92) is for JPEG and WebP; a PNG is always exact.
    """
    if output is OutputFormat.JPEG or image.mode not in ("RGB", "RGBA"):
        image = flatten(image)
    buffer = BytesIO()
    # A bare copy of the pixels: whatever `info` holds (EXIF, ICC, text) stays out of the file.
    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    options: dict[str, Any] = dict(_OPTIONS[output])
    if output.lossy:
        options["quality"] = _QUALITY if quality is None else quality
    if xmp is not None and output is OutputFormat.PNG:
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    elif xmp is not None:
        options["xmp"] = xmp
    bare.save(buffer, format=output.value, **options)
    return buffer.getvalue()
