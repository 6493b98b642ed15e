"""Uploads become plain pictures once, when they arrive.

Upright (EXIF orientation applied), sRGB (ICC profile applied), 8 bit, RGB or RGBA, without metadata,
and no larger than the service uses; animations, where they are allowed, as animated WebP. So every
later reader, the worker above all, may trust what it reads. JPEG sources are stored as JPEG (quality
95, 4:4:4: below what stylization can show, a tenth of a PNG's size); PNG and WebP sources as PNG,
because lossless sources must stay lossless and alpha must survive; lossless WebP would be smaller but
takes tens of times longer to write.

Runs in the decoder process (:mod:`app.imaging.child`), never in the HTTP process.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

from app.errors import (
    ImageAnimatedError,
    ImageCorruptError,
    ImageFormatUnsupportedError,
    ImageTooLargeError,
    ImageTooSmallError,
)
from app.imaging.damage import DAMAGE
from app.imaging.encode import flatten
from app.imaging.formats import ClipFormat
from app.imaging.limits import Limits, Normalized
from app.imaging.moving import ClipLimits, Frame, read_frames, too_long, write_clip
from app.imaging.sniff import HEAD, InputFormat, describe, sniff

Image.MAX_IMAGE_PIXELS = None  # `_check` is stricter, and says what to do

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FULL_HD = 1920 * 1080  # pixels of a clip's frames on average, were it as many as may be
_FRAME_PIXELS = 1920 * 1920  # of one frame: each is decoded whole, and several are in memory at a time
_SRGB = ImageCms.createProfile("sRGB")


def normalize(source: Path, target: Path, limits: Limits, *, label: str = "The picture") -> Normalized:
    """Read ``source``, check it, write the plain picture to ``target``.

    ``label`` names the file, as it is, at the beginning of the errors' sentences:
    ImageFormatUnsupportedError, ImageAnimatedError, ImageCorruptError, ImageTooSmallError,
    ImageTooLargeError.
    """
    with source.open("rb") as file:
        head = file.read(HEAD)
    kind = sniff(head)
    if kind is None or (kind is InputFormat.GIF and not limits.frames):
        found = describe(head)
        raise ImageFormatUnsupportedError(f"{label} is {found}: send JPEG, PNG or WebP pictures.")
    try:
        with Image.open(source, formats=[kind.value.upper()]) as opened:
            _check(opened, kind, limits, label)
            if _moves(opened, kind):
                _check_clip(opened.size, getattr(opened, "n_frames", 1), limits, label)
                return _clip(source, target, opened.size, limits, label)
            image = _plain(opened, kind, limits)
    except DAMAGE as error:
        raise ImageCorruptError(
            f"{label} is damaged or cut off ({_reason(error)}): save it again and resend it."
        ) from error
    return _write(image, target, jpeg=kind is InputFormat.JPEG)


def _check(image: Image.Image, kind: InputFormat, limits: Limits, label: str) -> None:
    """Everything that the header tells, before a pixel is decoded."""
    width, height = image.size
    if _moves(image, kind) and not limits.frames:
        raise ImageAnimatedError(f"{label} is animated: send one frame of it as a still picture.")
    if min(width, height) < limits.min_side:
        raise ImageTooSmallError(
            f"{label} is {width}x{height} pixels: send one with at least {limits.min_side} pixels a side."
        )
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise ImageTooLargeError(
            f"{label} is {width}x{height} pixels: scale it down to at most {limits.max_side} pixels a side "
            f"and {limits.max_pixels / 1e6:g} megapixels."
        )


def _moves(image: Image.Image, kind: InputFormat) -> bool:
    # A JPEG with several frames is a camera's multi-picture file: its first picture is the photo.
    return kind is not InputFormat.JPEG and getattr(image, "n_frames", 1) > 1


def _check_clip(size: tuple[int, int], frames: int, limits: Limits, label: str) -> None:
    """What the headers tell of a moving picture: a few kilobytes may hold hundreds of large frames."""
    width, height = size
    if frames > limits.frames:
        raise too_long(label, limits.frames, limits.seconds)
    if frames * width * height > limits.frames * _FULL_HD or width * height > _FRAME_PIXELS:
        raise ImageTooLargeError(
            f"{label} moves and has {frames} frames of {width}x{height} pixels: scale it down "
            f"to {limits.clip_side} pixels a side; more are not kept."
        )


def _clip(source: Path, target: Path, size: tuple[int, int], limits: Limits, label: str) -> Normalized:
    """An animation as a plain animated WebP: no metadata, on white, no larger than a clip is rendered."""
    smaller = _target_size(size, replace(limits, target_side=min(limits.target_side, limits.clip_side)))

    bounds = ClipLimits(limits.frames, limits.seconds, _FRAME_PIXELS)

    def scaled() -> Iterator[Frame]:
        for frame in read_frames(source, bounds, label=label):
            yield Frame(frame.image.resize(smaller, Image.Resampling.LANCZOS), frame.milliseconds)

    count = write_clip(target, scaled(), ClipFormat.WEBP)
    return _written(target, "image/webp", "webp", smaller, frames=count)


def _plain(image: Image.Image, kind: InputFormat, limits: Limits) -> Image.Image:
    profile = image.info.get("icc_profile")
    size = _target_size(image.size, limits)
    if kind is InputFormat.JPEG:
        image.draft(None, size)  # decodes at 1/2, 1/4 or 1/8 when that is enough
    image.load()
    orientation = _orientation(image)  # not earlier: it may load by itself, and fail unheard
    image = _eight_bit(image)
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    image = _to_srgb(image, profile)
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
    if image.mode == "RGBA":
        opaque = image.getchannel("A").getextrema() == (255, 255)
        if opaque or not limits.keep_alpha:
            image = flatten(image)
    return image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except DAMAGE:
        return 1  # damaged EXIF is no reason to refuse the pixels


def _target_size(size: tuple[int, int], limits: Limits) -> tuple[int, int]:
    """The size scaled down to ``target_side``, but the shorter side stays at least ``min_side``."""
    scale = min(1.0, max(limits.target_side / max(size), limits.min_side / min(size)))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _eight_bit(image: Image.Image) -> Image.Image:
    """One of the modes L, RGB, RGBA, CMYK."""
    if image.mode in ("L", "RGB", "CMYK") and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or image.mode == "I":
        return image.convert("I").point(_high_byte).convert("L")  # 16-bit greys: keep the high byte
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert("RGB")


def _high_byte(value: Any) -> Any:
    return value * (1 / 257)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB or RGBA in sRGB. A profile that cannot be used is ignored, as browsers do."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if alpha is not None else image
    converted: Image.Image | None = None
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(colours, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None
    result = converted if converted is not None else colours.convert("RGB")
    if alpha is not None:
        result.putalpha(alpha)
    return result


def _write(image: Image.Image, target: Path, *, jpeg: bool) -> Normalized:
    bare = Image.new(image.mode, image.size)  # no `info`: no EXIF, no ICC, no text goes into the file
    bare.paste(image)
    if jpeg:
        bare.save(target, format="JPEG", quality=95, subsampling=0)
    else:
        bare.save(target, format="PNG", compress_level=1)
    kind = ("image/jpeg", "jpg") if jpeg else ("image/png", "png")
    return _written(target, *kind, bare.size)


def _written(
    target: Path, media_type: str, extension: str, size: tuple[int, int], frames: int = 1
) -> Normalized:
    digest = hashlib.sha256()
    with target.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return Normalized(
        media_type=media_type,
        extension=extension,
        width=size[0],
        height=size[1],
        size_bytes=target.stat().st_size,
        sha256=digest.hexdigest(),
        frames=frames,
    )


def _reason(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "unreadable" if "/" in text else text[:100].rstrip(".")  # never a path of ours
