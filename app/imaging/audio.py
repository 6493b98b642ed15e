"""Copy the sound of a video into the result without decoding it, in step with the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from app.imaging import video
from app.imaging.formats import ClipFormat

# What players expect in a kind of file; Matroska takes whatever there is.
_KNOWN = {
    ClipFormat.MP4: ("aac", "mp3", "mp3float", "ac3", "eac3", "opus", "libopus", "flac", "alac"),
    ClipFormat.MOV: ("aac", "mp3", "mp3float", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"),
    ClipFormat.WEBM: ("opus", "libopus", "vorbis", "libvorbis"),
}


def is_lost(path: Path, form: ClipFormat) -> bool:
    """Whether a video has sound that a result in this format cannot have. Raises as ``video.opened``."""
    with video.opened(path) as (container, _):
        track = container.streams.best("audio")
        if track is None or form is ClipFormat.MKV:
            return False
        return not form.is_video or track.codec_context.name not in _KNOWN[form]


class Sound:
    """The track of a video that players choose, on its way into another one."""

    def __init__(self, packets: Iterator[Any], begins: Fraction, container: Any, stream: Any) -> None:
        self._packets = packets
        self._begins = begins  # s, when the first picture of the source is shown
        self._container = container
        self._stream = stream
        self._waiting: Any | None = None

    @classmethod
    @contextmanager
    def beside(cls, container: Any, path: Path) -> Iterator[Sound | None]:
        """For a container that is being written, before it gets a packet; None where the video has none."""
        with video.opened(path) as (source, pictures):
            track = source.streams.best("audio")
            if track is None:
                yield None
                return
            begins = (pictures.start_time or 0) * pictures.time_base
            stream = container.add_stream_from_template(track)
            yield cls(source.demux(track), begins, container, stream)

    def copy_until(self, seconds: float) -> None:
        """What is heard before ``seconds`` of the new video."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            self._waiting = None
            if packet.pts is None or packet.dts is None:  # the packet that ends the track
                continue
            shift = round(self._begins / packet.time_base)
            if (packet.pts - shift) * packet.time_base >= seconds:
                self._waiting = packet
                return
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, self._stream
            if packet.pts >= 0:
                self._container.mux(packet)
