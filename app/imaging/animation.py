"""Animated GIF, WebP and PNG: their frames, upright and in sRGB, and how often they are played."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from app.imaging.damaged_pictures import DAMAGE
from app.imaging.encode import flatten
from app.imaging.frame_composition import composed, gif_patches, png_patches
from app.imaging.orientation import orientation_of, turned
from app.imaging.to_srgb import Meaning, meaning_of, srgb

FORMATS = ("GIF", "WEBP", "PNG")
_WEBP_FLAGS, _WEBP_ALPHA, _WEBP_ANIMATION = 20, 0x10, 0x02  # of the chunk VP8X, which comes first


def frame_count(image: Image.Image) -> int:
    """Frames of an opened picture; what a PNG shows where animations are not shown is none."""
    count = int(getattr(image, "n_frames", 1))
    return count - 1 if image.info.get("default_image") else count


def plays_of(path: Path) -> int:
    """How often an animation is played; 0: for ever, and what is none."""
    try:
        with opened(path) as (image, _):
            if image.format == "GIF":  # counts repetitions, and says nothing when there are none
                repeated = image.info.get("loop")
                return 1 if repeated is None else repeated and int(repeated) + 1
            return int(image.info.get("loop", 0))
    except DAMAGE:
        return 0


@contextmanager
def opened(path: Path) -> Iterator[tuple[Image.Image, BinaryIO]]:
    """An animation, or a still in one of its formats, and its file. Raises what Pillow raises."""
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about metadata that is dropped anyway
        source = with_alpha(file)
        with Image.open(source, formats=FORMATS) as image:
            yield image, source


def with_alpha(file: BinaryIO) -> BinaryIO:
    """The file at its start; of an animated WebP, one that says that it has transparent parts: its frames may
    leave some of the picture free, which is black otherwise."""
    file.seek(0)
    head = file.read(_WEBP_FLAGS + 1)
    file.seek(0)
    if head[8:16] != b"WEBPVP8X" or len(head) <= _WEBP_FLAGS or not head[_WEBP_FLAGS] & _WEBP_ANIMATION:
        return file
    data = bytearray(file.read())
    data[_WEBP_FLAGS] |= _WEBP_ALPHA
    return BytesIO(data)


def frames_of(image: Image.Image, file: BinaryIO) -> Iterator[tuple[Image.Image, float]]:
    """RGB, transparent parts in white, and milliseconds; 0 where the file does not say.

    Raises what Pillow raises.
    """
    meant = meaning_of(image, file)
    image.load()  # what tells of orientation may come after the pixels
    orientation = orientation_of(image)
    frames = _webp_frames(image, meant, file) if image.format == "WEBP" else _drawn(image, file)
    for frame, milliseconds in frames:
        yield turned(flatten(frame), orientation), milliseconds


def first_frame(image: Image.Image, file: BinaryIO) -> Image.Image:
    """Of a GIF or an animated PNG, RGBA in sRGB. Raises what Pillow raises."""
    image.load()
    frame = next(_drawn(image, file), None)
    if frame is None:
        raise EOFError("no frame")
    return frame[0]


def _drawn(image: Image.Image, file: BinaryIO) -> Iterator[tuple[Image.Image, float]]:
    patches = png_patches(file) if image.format == "PNG" else gif_patches(file)
    return composed(patches, image.size, partial(_read, str(image.format)))


def _webp_frames(image: Any, meant: Meaning, file: BinaryIO) -> Iterator[tuple[Image.Image, float]]:
    for number in range(frame_count(image)):
        image.seek(number)
        frame = srgb(image, meant, file, image.size)
        yield frame, float(image.info.get("duration") or 0)


def _read(form: str, file: BinaryIO) -> Image.Image:
    with Image.open(file, formats=[form]) as image:
        return srgb(image, meaning_of(image, file), file, image.size)
