"""Writing clips: animations with Pillow, videos with PyAV (the extra ``video``), sound copied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.imaging.audio import Sound
from app.imaging.clip_reader import Frame
from app.imaging.formats import ClipFormat
from app.imaging.video import load_av
from app.provenance.xmp import packet

_QUALITY = 88  # of WebP
_WRITTEN: dict[ClipFormat, dict[str, Any]] = {
    ClipFormat.WEBP: {"format": "WEBP", "quality": _QUALITY, "method": 2},
    ClipFormat.GIF: {"format": "GIF", "optimize": False},
    ClipFormat.APNG: {"format": "PNG"},
}
# Milliseconds in which a format counts, and those that a frame has at least: browsers show shorter ones of a
# GIF ten times as long.
_CLOCKS = {ClipFormat.GIF: (10, 20), ClipFormat.WEBP: (1, 1), ClipFormat.APNG: (1, 1)}
_CONTAINERS = {
    ClipFormat.MP4: ("mp4", "libx264"),
    ClipFormat.MOV: ("mov", "libx264"),
    ClipFormat.MKV: ("matroska", "libx264"),
    ClipFormat.WEBM: ("webm", "libvpx-vp9"),
}
_ENCODERS = {
    # Visually lossless. Frames refer to no later ones: else the last that is stored is not the last that is
    # shown, and files end before it does.
    "libx264": {"crf": "18", "preset": "veryfast", "bf": "0"},
    "libvpx-vp9": {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"},
}
_TICKS = 90  # of a video's clock in a millisecond: whole ones for every usual frame rate
_BT709, _LIMITED = 1, 1  # as H.273 counts colour spaces, primaries, curves and ranges (16 to 235)


def write_clip(
    target: Path,
    frames: Iterable[Frame],
    form: ClipFormat,
    *,
    plays: int = 0,
    sound: Path | None = None,
    note: str | None = None,
) -> int:
    """Write a clip; how many frames it got. Videos are written as the frames come.

    ``plays``: how often an animation is played, 0 for ever; a video does not say. ``sound``: a video whose
    sound a video gets (``app.imaging.audio``). ``note``: a short text for the file's metadata.

    Raises ImageFormatUnsupportedError for a video without PyAV.
    """
    if form.is_video:
        return _write_video(target, frames, form, sound, note)
    return _write_animation(target, frames, form, plays, note)


def _write_animation(
    target: Path, frames: Iterable[Frame], form: ClipFormat, plays: int, note: str | None
) -> int:
    kept = list(_whole(frames, *_CLOCKS[form]))
    options = {**_WRITTEN[form], **_metadata(form, note)}
    if form is not ClipFormat.GIF or plays == 0:
        options["loop"] = plays
    elif plays > 1:  # a GIF counts repetitions, and says nothing when there are none
        options["loop"] = plays - 1
    first, *rest = (frame.image for frame in kept)
    first = first.copy()
    first.info.clear()  # of the clip that it is from: how often that is played would go before `loop`
    durations = [round(frame.milliseconds) for frame in kept]
    first.save(target, save_all=True, append_images=rest, duration=durations, **options)
    return len(kept)


def _whole(frames: Iterable[Frame], tick: int, least: int) -> Iterator[Frame]:
    """Frames with whole numbers of ticks that add up to the clip's time.

    What is shown for less than ``least`` is left out, and the next one is shown instead.
    """
    until, written = 0.0, 0
    last: Image.Image | None = None
    for frame in frames:
        until += frame.milliseconds
        ends = max(round(until / tick) * tick, written)
        last = frame.image
        if ends - written >= least:
            yield Frame(last, ends - written)
            written, last = ends, None
    if last is not None:
        yield Frame(last, max(round(until / tick) * tick - written, least))


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


def _write_video(
    target: Path, frames: Iterable[Frame], form: ClipFormat, sound: Path | None, note: str | None
) -> int:
    """H.264 or VP9. Each frame has its own time; colours are BT.709 at any size, and the file says so."""
    av = load_av()
    container_name, encoder = _CONTAINERS[form]
    options = {"movflags": "+faststart"} if form in (ClipFormat.MP4, ClipFormat.MOV) else {}
    ticks: dict[int, int] = {}  # of each frame, by when it begins
    start = 0.0  # ms
    stream: Any = None
    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(target), "w", format=container_name, options=options))
        if note is not None:
            container.metadata["comment"] = note
        heard: Sound | None = None

        def write(picture: Any | None) -> None:
            for packet in stream.encode(picture):
                packet.duration = ticks[packet.pts]  # the last one's would be guessed
                container.mux(packet)

        for frame in frames:
            image = frame.image
            even = (max(2, image.width // 2 * 2), max(2, image.height // 2 * 2))  # 4:2:0 has no odd sides
            if stream is None:
                rate = Fraction(1000 / frame.milliseconds).limit_denominator(1001)
                stream = _video_stream(container, encoder, even, rate)
                if sound is not None:
                    heard = stack.enter_context(Sound.beside(container, sound))
            cut = image.crop((0, 0, *even)) if min(image.size) > 1 else image.resize(even)
            picture = av.VideoFrame.from_image(cut)
            picture = picture.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED)
            picture.pts, picture.time_base = round(start * _TICKS), Fraction(1, 1000 * _TICKS)
            start += frame.milliseconds
            ticks[picture.pts] = round(start * _TICKS) - picture.pts
            write(picture)
            if heard is not None:
                heard.copy_until(start / 1000)
        if stream is not None:
            write(None)
    return len(ticks)


def _video_stream(container: Any, encoder: str, size: tuple[int, int], rate: Fraction) -> Any:
    """``rate`` is what the encoder reckons with; when a frame is shown its own time says."""
    stream = container.add_stream(encoder, rate=rate, options=_ENCODERS[encoder])
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    coder = stream.codec_context
    coder.time_base = Fraction(1, 1000 * _TICKS)
    coder.colorspace = coder.color_primaries = coder.color_trc = _BT709
    coder.color_range = _LIMITED
    return stream
