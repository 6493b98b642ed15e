"""Normalise an upload once, when it arrives: upright, sRGB, RGB or RGBA, no metadata.

Upright (EXIF orientation applied), sRGB (profile applied), 8 bit, RGB or RGBA, without metadata,
and no larger than the service uses; animations, where they are allowed, as animated WebP. So every
later reader, the worker above all, may trust what it reads. JPEG and HEIC sources are stored as JPEG (quality
95, 4:4:4: below what stylization can show, a tenth of a PNG's size) unless parts of them are to stay as
they are; other sources as PNG, because lossless sources must stay lossless and alpha must survive;
lossless WebP would be smaller but takes tens of times longer to write.

Runs in the decoder process (:mod:`app.imaging.decoder_process`), never in the HTTP process.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps

from app.errors import (
    ImageAnimatedError,
    ImageFormatUnsupportedError,
    ImageTooLargeError,
    ImageTooSmallError,
    MaskBlankError,
)
from app.imaging.animation import first_frame, frame_count, with_alpha
from app.imaging.clip_reader import ClipLimits, Frame, plays_of, read_frames, too_long
from app.imaging.clip_writer import write_clip
from app.imaging.damaged_pictures import DAMAGE, damaged
from app.imaging.encode import flatten
from app.imaging.formats import ClipFormat
from app.imaging.limits import Ground, Limits, Normalized
from app.imaging.orientation import orientation_of, turned
from app.imaging.readable import listed, plugin_of, readable
from app.imaging.sniff import HEAD, InputFormat, describe, sniff
from app.imaging.to_srgb import meaning_of, srgb

Image.MAX_IMAGE_PIXELS = None  # `_check` is stricter, and says what to do

_FULL_HD = 1920 * 1080  # pixels of a clip's frames on average, were it as many as may be
_FRAME_PIXELS = 1920 * 1920  # of one frame: each is decoded whole, and several are in memory at a time
_END_OF_JPEG = b"\xff\xd9"


def normalize(source: Path, target: Path, limits: Limits, *, label: str = "The picture") -> Normalized:
    """Read ``source``, check it, write the plain picture to ``target``.

    ``label`` names the file, as it is, at the beginning of the errors' sentences:
    ImageFormatUnsupportedError, ImageAnimatedError, ImageCorruptError, ImageTooSmallError,
    ImageTooLargeError, ClipTooLongError, MaskBlankError.
    """
    with source.open("rb") as file:
        head = file.read(HEAD)
        kind = sniff(head)
        if kind is None or kind not in readable():
            raise ImageFormatUnsupportedError(f"{label} is {describe(head)}: send {listed()} pictures.")
        try:
            image: Image.Image | None = _read(file, kind, limits, label)
            if image is None:
                return _clip(source, target, limits, label)
        except DAMAGE as error:
            image = _without_end(file, limits, label) if kind is InputFormat.JPEG else None
            if image is None:
                raise damaged(label, error) from error
    lossy = kind is InputFormat.JPEG or (kind is InputFormat.HEIC and image.mode == "RGB")
    return _write(image, target, jpeg=lossy and not limits.exact)


def _read(file: BinaryIO, kind: InputFormat, limits: Limits, label: str) -> Image.Image | None:
    """A picture as it is kept; None when it moves. Raises what Pillow raises, and an ImageError."""
    file = with_alpha(file)
    with Image.open(file, formats=[plugin_of(kind)]) as opened:
        _check(opened, kind, limits, label)
        if _moves(opened, kind):
            _check_clip(opened.size, frame_count(opened), limits, label)
            return None
        return _plain(opened, kind, limits, file, label)


def _without_end(file: BinaryIO, limits: Limits, label: str) -> Image.Image | None:
    """A JPEG that lacks its end marker only, as cut by programs that count badly; None when it lacks more.

    The decoder makes up what is missing, out of what comes next. So nothing is missing when the picture is
    the same whatever comes next.
    """
    file.seek(0)
    data = file.read().removesuffix(b"\xff")  # half a marker
    try:
        one, other = (
            _read(BytesIO(data + rest + _END_OF_JPEG), InputFormat.JPEG, limits, label)
            for rest in (b"", b"\x5a" * 4096)
        )
    except DAMAGE:
        return None
    return one if one == other else None


def _check(image: Image.Image, kind: InputFormat, limits: Limits, label: str) -> None:
    """Everything that the header tells, before a pixel is decoded."""
    width, height = image.size
    if _moves(image, kind) and not limits.frames:
        raise ImageAnimatedError(f"{label} is animated: send one frame of it as a still picture.")
    if _moves(image, kind) and kind is InputFormat.AVIF:
        raise ImageAnimatedError(f"{label} is a moving AVIF: save it as animated WebP or GIF and send that.")
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
    # Several pictures in a JPEG or a HEIC are a camera's: bursts, depth. The first is the photo.
    return kind not in (InputFormat.JPEG, InputFormat.HEIC) and frame_count(image) > 1


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


def _clip(source: Path, target: Path, limits: Limits, label: str) -> Normalized:
    """An animation as a plain animated WebP: no metadata, on white, no larger than a clip is rendered."""
    smaller = partial(
        _target_size, limits=replace(limits, target_side=min(limits.target_side, limits.clip_side))
    )
    bounds = ClipLimits(limits.frames, limits.seconds, _FRAME_PIXELS)
    size = (0, 0)

    def scaled() -> Iterator[Frame]:
        nonlocal size
        for frame in read_frames(source, bounds, label=label):
            size = smaller(frame.image.size)
            yield Frame(frame.image.resize(size, Image.Resampling.LANCZOS), frame.milliseconds)

    count = write_clip(target, scaled(), ClipFormat.WEBP, plays=plays_of(source))
    return _written(target, "image/webp", "webp", size, frames=count)


def _plain(image: Image.Image, kind: InputFormat, limits: Limits, file: BinaryIO, label: str) -> Image.Image:
    size = _target_size(image.size, limits)
    if kind is InputFormat.JPEG:
        image.draft(None, size)  # decodes at 1/2, 1/4 or 1/8 when that is enough
    if kind is InputFormat.GIF or image.info.get("default_image"):
        plain = first_frame(image, file)
        plain = plain.resize(size, Image.Resampling.LANCZOS) if plain.size != size else plain
    else:
        plain = srgb(image, meaning_of(image, file), file, size)
    plain = turned(plain, orientation_of(image))
    if plain.mode != "RGBA" or plain.getchannel("A").getextrema() == (255, 255):
        if limits.ground == Ground.INSIDE:
            raise MaskBlankError(
                f"{label} is opaque all over, and what is transparent is drawn: make that part transparent."
            )
        return plain.convert("RGB")
    if limits.ground == Ground.INSIDE:
        return ImageOps.invert(plain.getchannel("A")).convert("RGB")
    if limits.ground == Ground.KEPT:
        return plain
    flat = flatten(plain, "black" if limits.ground == Ground.BLACK else "white")
    if limits.ground == Ground.BLACK and flat.convert("L").getextrema() == (0, 0):
        raise MaskBlankError(
            f"{label} is black where it is not transparent, and both are outside: make white "
            "what is to be inside."
        )
    return flat


def _target_size(size: tuple[int, int], limits: Limits) -> tuple[int, int]:
    """The size scaled down to ``target_side``, but the shorter side stays at least ``min_side``."""
    scale = min(1.0, max(limits.target_side / max(size), limits.min_side / min(size)))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


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
