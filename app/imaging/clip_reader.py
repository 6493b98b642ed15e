"""Moving pictures: animated GIF, WebP and PNG with Pillow, videos with PyAV (the extra ``video``).

Frames are read one at a time, in order, upright, in sRGB and without transparency.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from app.bounds import CLIP_FRAMES, CLIP_SECONDS
from app.errors import ClipTooLongError, ImageCorruptError, ImageTooLargeError
from app.imaging import animation, video
from app.imaging.damaged_pictures import DAMAGE, damaged
from app.imaging.formats import ClipFormat
from app.imaging.sniff import HEAD, InputFormat, sniff, sniff_video

_ANIMATED = {
    InputFormat.GIF: ClipFormat.GIF,
    InputFormat.WEBP: ClipFormat.WEBP,
    InputFormat.PNG: ClipFormat.APNG,
}
_SHORTEST, _USUAL = (
    10.0,
    100.0,
)  # ms: a frame of an animation that is shown no longer is shown so long by browsers
_ROUNDING = 0.005  # s that a clip may be too long: files count time in whole ticks


@dataclass(frozen=True)
class ClipLimits:
    """What a clip may have at most; beyond it: ClipTooLongError, ImageTooLargeError."""

    frames: int = CLIP_FRAMES
    seconds: float = CLIP_SECONDS
    frame_pixels: int = 1920 * 1920


@dataclass(frozen=True)
class Frame:
    """A frame and how long it is shown."""

    image: Image.Image  # RGB
    milliseconds: float


def format_of(path: Path) -> ClipFormat | None:
    """What a clip is, by its first bytes; None: no clip."""
    head = _head(path)
    kind = sniff(head)
    return _ANIMATED.get(kind) if kind is not None else sniff_video(head)


def is_moving(path: Path) -> bool:
    """Whether a file is a video, or a picture with more than one frame, whatever its name says."""
    form = format_of(path)
    if form is None or form.is_video:
        return form is not None
    with suppress(*DAMAGE), animation.opened(path) as (image, _):
        return animation.frame_count(image) > 1
    return False


def plays_of(path: Path) -> int:
    """How often a clip is played; 0: for ever, and where nothing says."""
    form = format_of(path)
    return 0 if form is None or form.is_video else animation.plays_of(path)


def too_long(label: str, frames: int, seconds: float) -> ClipTooLongError:
    """What is said of a clip that has more than ``frames`` or ``seconds``."""
    return ClipTooLongError(
        f"{label} has more than {frames} frames or {seconds:g} seconds: cut it, or lower its frame rate."
    )


def check_length(path: Path, limits: ClipLimits | None = None, *, label: str = "The clip") -> None:
    """Raise ClipTooLongError where a clip is longer than ``limits``, before a frame of it is decoded.

    Nothing where it cannot be read, and of the time of animations: ``read_frames`` counts, and tells what is
    wrong.
    """
    limits = limits or ClipLimits()
    form = format_of(path)
    if form is not None and form.is_video:
        frames, seconds = video.length_of(path, limits.frames, limits.seconds + _ROUNDING)
    else:
        frames, seconds = 0, 0.0
        with suppress(*DAMAGE), animation.opened(path) as (image, _):
            frames = animation.frame_count(image)
    if frames > limits.frames or seconds > limits.seconds + _ROUNDING:
        raise too_long(label, limits.frames, limits.seconds)


def read_frames(path: Path, limits: ClipLimits | None = None, *, label: str = "The clip") -> Iterator[Frame]:
    """The frames of a clip, as they are decoded. ``label`` names it in the sentences of the errors.

    Raises ImageCorruptError (damaged, or no clip), ClipTooLongError, ImageTooLargeError, and
    ImageFormatUnsupportedError for a video without PyAV.
    """
    limits = limits or ClipLimits()
    form = format_of(path)
    read = _video if form is not None and form.is_video else _animation
    count, milliseconds = 0, 0.0
    for frame in read(path, limits, label):
        count += 1
        milliseconds += frame.milliseconds
        if count > limits.frames or milliseconds > 1000 * (limits.seconds + _ROUNDING):
            raise too_long(label, limits.frames, limits.seconds)
        yield frame
    if not count:
        raise ImageCorruptError(f"{label} holds no frames: send another file.")


def _animation(path: Path, limits: ClipLimits, label: str) -> Iterator[Frame]:
    try:
        with animation.opened(path) as (image, file):
            _check_size(image.size, limits, label)
            for frame, shown in animation.frames_of(image, file):
                yield Frame(frame, shown if shown > _SHORTEST else _USUAL)
    except DAMAGE as error:
        raise damaged(label, error) from error


def _video(path: Path, limits: ClipLimits, label: str) -> Iterator[Frame]:
    with video.opened(path) as (container, stream):
        _check_size(video.shown_size(stream), limits, label)
        for image, shown in video.frames_of(container, stream):
            yield Frame(image, shown)


def _check_size(size: tuple[int, int], limits: ClipLimits, label: str) -> None:
    if size[0] * size[1] > limits.frame_pixels:
        raise ImageTooLargeError(
            f"{label} has frames of {size[0]}x{size[1]} pixels: scale it down to {limits.frame_pixels:,}."
        )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""
