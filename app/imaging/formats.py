"""The output formats of pictures and clips; importable without Pillow."""

from enum import StrEnum
from importlib.util import find_spec


class OutputFormat(StrEnum):
    """Formats in which results can be asked for."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """E.g. ``image/png``."""
        return f"image/{self.value}"

    @property
    def lossy(self) -> bool:
        """Whether there is a quality to choose."""
        return self is not OutputFormat.PNG


class ClipFormat(StrEnum):
    """What a clip can be written as."""

    GIF = "gif"
    WEBP = "webp"
    APNG = "apng"
    MP4 = "mp4"
    MOV = "mov"
    MKV = "mkv"
    WEBM = "webm"

    @property
    def is_video(self) -> bool:
        """Whether PyAV writes it."""
        return self in _VIDEOS

    @property
    def suffix(self) -> str:
        """Of a file."""
        return ".png" if self is ClipFormat.APNG else f".{self.value}"

    @property
    def media_type(self) -> str:
        """For HTTP."""
        return _VIDEOS.get(self, f"image/{self.value}")


_VIDEOS = {
    ClipFormat.MP4: "video/mp4",
    ClipFormat.MOV: "video/quicktime",
    ClipFormat.MKV: "video/matroska",
    ClipFormat.WEBM: "video/webm",
}


def has_video() -> bool:
    """Whether PyAV, which reads and writes videos, is installed."""
    return find_spec("av") is not None
