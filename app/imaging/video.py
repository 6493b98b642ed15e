"""Decode videos with PyAV (the extra ``video``): frames as a player shows them, and their durations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from app.errors import ImageCorruptError, ImageFormatUnsupportedError
from app.imaging.damaged_pictures import DAMAGE
from app.imaging.encode import flatten
from app.imaging.formats import has_video
from app.imaging.orientation import orientation_of_matrix, turned

_UNSAID, _BT709 = 2, 1  # as H.273 counts matrices
_SD = (1280, 576)  # a larger picture that says nothing has BT.709's colours, a smaller one BT.601's
_USUAL_RATE = Fraction(25)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Container and video stream. Raises ImageCorruptError, and ImageFormatUnsupportedError without PyAV."""
    av = load_av()
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.best("video")  # the first may be a picture of what is heard
            if stream is None:
                raise ImageCorruptError("The file holds no video: send another one.")
            yield container, stream
    except av.error.FFmpegError as error:
        raise ImageCorruptError(
            f"The video cannot be read ({error.strerror or error}): send another file."
        ) from error


def frames_of(container: Any, stream: Any) -> Iterator[tuple[Image.Image, float]]:
    """RGB, upright, with square pixels and in sRGB; and milliseconds. All of the first one's size."""
    stream.thread_type = "AUTO"
    usual = _usual(stream)
    reader = load_av().video.reformatter.VideoReformatter()
    size: tuple[int, int] | None = None
    image, begun, says = None, Fraction(0), usual
    for frame in container.decode(stream):
        begins = begun + usual if frame.pts is None else frame.pts * frame.time_base
        if image is not None:
            begins = begins if begins > begun else begun + usual  # some formats do not say, or say one twice
            yield image, float(1000 * (begins - begun))
        image, begun = _picture(frame, reader, stream.sample_aspect_ratio), begins
        size = size or image.size
        if image.size != size:
            image = image.resize(size, Image.Resampling.LANCZOS)
        says = frame.duration * frame.time_base if frame.duration else usual
    if image is not None:
        yield image, float(1000 * _last_shown(stream, begun, says))


def shown_size(stream: Any) -> tuple[int, int]:
    """Of the stream's pictures on the screen, before they are turned."""
    return _square((stream.width, stream.height), stream.sample_aspect_ratio)


def length_of(path: Path, frames: int, seconds: float) -> tuple[int, float]:
    """Frames and seconds, by the packets and without decoding; no more is read once there are more than
    ``frames`` or ``seconds``. Zeros where the file cannot be read."""
    if not has_video():
        return 0, 0.0
    try:
        with opened(path) as (container, stream):
            usual = _usual(stream)
            count, first, last, says = 0, None, Fraction(0), usual
            for packet in container.demux(stream):
                if not packet.size or packet.is_discard:
                    continue
                count += 1
                if packet.pts is not None:
                    begins = packet.pts * packet.time_base
                    first = begins if first is None else min(first, begins)
                    if begins >= last:
                        last, says = begins, packet.duration * packet.time_base if packet.duration else usual
                if count > frames or last - (first or 0) > seconds:
                    break
            return count, float(last - (first or 0) + _last_shown(stream, last, says)) if count else 0.0
    except (ImageCorruptError, *DAMAGE):
        return 0, 0.0


def load_av() -> Any:
    """PyAV. Raises ImageFormatUnsupportedError when it is not installed."""
    try:
        return import_module("av")
    except ImportError as error:
        raise ImageFormatUnsupportedError(
            "Videos need PyAV: pip install 'fewstroke[video]'. Animated GIF, WebP and PNG work without it."
        ) from error


def _usual(stream: Any) -> Fraction:
    """Seconds of a frame that says nothing."""
    return 1 / Fraction(stream.average_rate or stream.guessed_rate or _USUAL_RATE)


def _last_shown(stream: Any, begins: Fraction, says: Fraction) -> Fraction:
    """Seconds of the last frame: until the stream ends, unless the frame ends before.

    Where frames are stored in another order than they are shown, what an MP4 says of it is about another one.
    """
    if stream.duration is None:
        return says
    left = (stream.start_time or 0) * stream.time_base + stream.duration * stream.time_base - begins
    return Fraction(min(left, says) if left > 0 else says)


def _picture(frame: Any, reader: Any, aspect: Fraction | None) -> Image.Image:
    image = _in_srgb(frame, reader)
    square = _square(image.size, aspect)
    if image.size != square:
        image = image.resize(square, Image.Resampling.LANCZOS)
    return turned(image, _orientation(frame))


def _in_srgb(frame: Any, reader: Any) -> Image.Image:
    from app.imaging.color_encodings import encoding, to_srgb

    large = frame.width >= _SD[0] or frame.height > _SD[1]
    matrix = _BT709 if frame.colorspace == _UNSAID and large else None
    meant = encoding(frame.color_primaries, frame.color_trc)
    see_through = any(component.is_alpha for component in frame.format.components)
    if meant.is_srgb:
        form = "rgba" if see_through else "rgb24"
        return flatten(
            Image.fromarray(reader.reformat(frame, format=form, src_colorspace=matrix).to_ndarray())
        )
    form = "rgba64le" if see_through else "rgb48le"
    deep = reader.reformat(frame, format=form, src_colorspace=matrix).to_ndarray()
    image = Image.fromarray(to_srgb(deep[..., :3], meant))
    if see_through:
        image.putalpha(Image.fromarray((deep[..., 3] >> 8).astype("uint8")))
    return flatten(image)


def _square(size: tuple[int, int], aspect: Fraction | None) -> tuple[int, int]:
    """The size with square pixels, as players have it: as many rows as there are."""
    return (max(1, round(size[0] * aspect)), size[1]) if aspect else size


def _orientation(frame: Any) -> int:
    try:
        return orientation_of_matrix(bytes(frame.side_data["DISPLAYMATRIX"]))
    except KeyError:
        return 1
