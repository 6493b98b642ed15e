"""The output formats; importable without Pillow."""

from enum import StrEnum


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
