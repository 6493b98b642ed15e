"""Moving pictures: animated GIF, WebP and PNG with Pillow, videos with PyAV (the extra ``video``).

Frames are read one at a time, in order, upright and in RGB.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from app.bounds import CLIP_FRAMES, CLIP_SECONDS
from app.errors import (
    ClipTooLongError,
    ImageCorruptError,
    ImageFormatUnsupportedError,
    ImageTooLargeError,
)
from app.imaging.damage import DAMAGE
from app.imaging.formats import ClipFormat
from app.imaging.xmp import packet

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv"})
_ANIMATED = ("GIF", "WEBP", "PNG")
_STILL_MILLISECONDS = 100  # of a frame that says nothing, as browsers have it
_QUALITY = 88  # of WebP
_CRF = "18"  # of H.264: visually lossless
_TICKS = 90  # of a video's clock in a millisecond: whole ones for every usual frame rate
_BT709, _LIMITED = 1, 1  # as H.264 counts colour spaces, primaries, curves and ranges (16 to 235)


_WRITTEN: dict[ClipFormat, dict[str, Any]] = {
    ClipFormat.WEBP: {"format": "WEBP", "quality": _QUALITY, "method": 2},
    ClipFormat.GIF: {"format": "GIF", "optimize": False},
    ClipFormat.APNG: {"format": "PNG"},
}


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
    """What a clip in a file of this name is written as; None: the name does not say."""
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return ClipFormat.MP4
    return {
        ".gif": ClipFormat.GIF,
        ".webp": ClipFormat.WEBP,
        ".png": ClipFormat.APNG,
        ".apng": ClipFormat.APNG,
    }.get(suffix)


def is_moving(path: Path) -> bool:
    """Whether a file is a video by its name, or a picture with more than one frame."""
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return True
    with suppress(*DAMAGE), Image.open(path, formats=_ANIMATED) as image:
        return bool(getattr(image, "is_animated", False))
    return False


def too_long(label: str, frames: int, seconds: float) -> ClipTooLongError:
    """What is said of a clip that has more than ``frames`` or ``seconds``."""
    return ClipTooLongError(
        f"{label} has more than {frames} frames or {seconds:g} seconds: cut it, or lower its frame rate."
    )


def read_frames(path: Path, limits: ClipLimits | None = None, *, label: str = "The clip") -> Iterator[Frame]:
    """The frames of a clip, as they are decoded. ``label`` names it in the sentences of the errors.

    Raises ImageCorruptError (damaged, or no clip), ClipTooLongError, ImageTooLargeError, and
    ImageFormatUnsupportedError for a video without PyAV.
    """
    limits = limits or ClipLimits()
    frames = _video(path, limits) if path.suffix.lower() in VIDEO_SUFFIXES else _animation(path, limits)
    count, milliseconds = 0, 0.0
    for frame in frames:
        count += 1
        milliseconds += frame.milliseconds
        if count > limits.frames or milliseconds > 1000 * limits.seconds:
            raise too_long(label, limits.frames, limits.seconds)
        yield frame
    if not count:
        raise ImageCorruptError("The clip holds no frames: send another file.")


def _animation(path: Path, limits: ClipLimits) -> Iterator[Frame]:
    try:
        with warnings.catch_warnings(), Image.open(path, formats=_ANIMATED) as image:
            warnings.simplefilter("ignore")  # about metadata that is dropped anyway
            _check_size(image.size, limits)
            for frame in ImageSequence.Iterator(image):
                rgb = _on_white(frame)
                yield Frame(rgb, float(frame.info.get("duration") or 0) or _STILL_MILLISECONDS)
    except DAMAGE as error:
        raise ImageCorruptError(f"The animation cannot be read ({error}): send another file.") from error


def _on_white(frame: Image.Image) -> Image.Image:
    """RGB; transparent parts in white. A copy: the iterator reuses its frame."""
    if frame.mode in ("RGBA", "LA", "PA") or "transparency" in frame.info:
        rgba = frame.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, "white")
        ground.alpha_composite(rgba)
        return ground.convert("RGB")
    return frame.convert("RGB") if frame.mode != "RGB" else frame.copy()


def _video(path: Path, limits: ClipLimits) -> Iterator[Frame]:
    av = _av()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise ImageCorruptError("The file holds no video: send another one.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            _check_size((stream.width, stream.height), limits)
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            for frame in container.decode(stream):
                turned = frame.to_image().rotate(frame.rotation, expand=True)
                yield Frame(turned, float(1000 / rate))
    except av.error.FFmpegError as error:
        raise ImageCorruptError(f"The video cannot be read ({error}): send another file.") from error


def write_clip(
    target: Path, frames: Iterable[Frame], form: ClipFormat, *, plays: int = 0, note: str | None = None
) -> int:
    """Write a clip; how many frames it got. Videos are written as the frames come.

    ``plays``: how often an animation is played, 0 for ever; a video does not say. ``note``: a short text for
    the file's metadata.

    Raises ImageFormatUnsupportedError for MP4 without PyAV.
    """
    if form is ClipFormat.MP4:
        return _write_video(target, frames, note)
    return _write_animation(target, frames, form, plays, note)


def _write_animation(
    target: Path, frames: Iterable[Frame], form: ClipFormat, plays: int, note: str | None
) -> int:
    kept = list(frames)
    options = {**_WRITTEN[form], **_metadata(form, note)}
    if form is not ClipFormat.GIF or plays == 0:
        options["loop"] = plays
    elif plays > 1:  # a GIF counts repetitions, and says nothing when there are none
        options["loop"] = plays - 1
    first, *rest = (frame.image for frame in kept)
    first = first.copy()
    first.info.clear()  # of the clip that it is from: how often that is played would go before `loop`
    durations = [max(1, round(frame.milliseconds)) for frame in kept]
    first.save(target, save_all=True, append_images=rest, duration=durations, **options)
    return len(kept)


def _metadata(form: ClipFormat, note: str | None) -> dict[str, Any]:
    """What Pillow writes a note with."""
    if note is None:
        return {}
    if form is ClipFormat.APNG:
        text = PngInfo()
        text.add_text("Comment", note)
        return {"pnginfo": text}
    if form is ClipFormat.GIF:
        return {"comment": note.encode()}
    return {"xmp": packet("Fewstroke", {"note": note})}


def _write_video(target: Path, frames: Iterable[Frame], note: str | None) -> int:
    """H.264. Each frame has a time of its own; colours are BT.709 at any size, and the file says so."""
    av = _av()
    ticks: dict[int, int] = {}  # of each frame, by when it begins
    start = 0.0  # ms
    stream: Any = None
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        if note is not None:
            container.metadata["comment"] = note

        def write(picture: Any | None) -> None:
            for packet in stream.encode(picture):
                packet.duration = ticks[packet.pts]  # the last one's would be guessed
                container.mux(packet)

        for frame in frames:
            image = frame.image
            even = (max(2, image.width // 2 * 2), max(2, image.height // 2 * 2))  # 4:2:0 has no odd sides
            if stream is None:
                rate = Fraction(1000 / frame.milliseconds).limit_denominator(1001)
                stream = _video_stream(container, even, rate)
            cut = image.crop((0, 0, *even)) if min(image.size) > 1 else image.resize(even)
            picture = av.VideoFrame.from_image(cut)
            picture = picture.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED)
            picture.pts, picture.time_base = round(start * _TICKS), Fraction(1, 1000 * _TICKS)
            start += frame.milliseconds
            ticks[picture.pts] = round(start * _TICKS) - picture.pts
            write(picture)
        if stream is not None:
            write(None)
    return len(ticks)


def _video_stream(container: Any, size: tuple[int, int], rate: Fraction) -> Any:
    """``rate`` is what the encoder reckons with; when a frame is shown its own time says."""
    stream = container.add_stream("libx264", rate=rate, options={"crf": _CRF, "preset": "veryfast"})
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    coder = stream.codec_context
    coder.time_base = Fraction(1, 1000 * _TICKS)
    coder.colorspace = coder.color_primaries = coder.color_trc = _BT709
    coder.color_range = _LIMITED
    return stream


def _check_size(size: tuple[int, int], limits: ClipLimits) -> None:
    if size[0] * size[1] > limits.frame_pixels:
        raise ImageTooLargeError(
            f"The clip's frames have {size[0]}x{size[1]} pixels: scale it down to {limits.frame_pixels:,}."
        )


def _av() -> Any:
    try:
        return import_module("av")
    except ImportError as error:
        raise ImageFormatUnsupportedError(
            "Videos need PyAV: pip install 'fewstroke[video]'. Animated GIF, WebP and PNG work without it."
        ) from error
