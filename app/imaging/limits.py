"""Limits of uploads and the record of a normalised one, shared by both sides of the decoder process."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Ground(StrEnum):
    """What transparent parts become."""

    KEPT = "kept"
    WHITE = "white"
    BLACK = "black"
    INSIDE = "inside"  # a mask of what is transparent: white there, black where the picture is opaque


def manifest_beside(target: Path) -> Path:
    """Where the decoder leaves the archive of an upload's own manifest, if it had one."""
    return target.with_name(f"{target.name}.c2pa")


@dataclass(frozen=True)
class Limits:
    """What is accepted (pixels) and how it is stored: ``target_side`` bounds the longer side."""

    min_side: int
    max_side: int
    max_pixels: int
    target_side: int
    ground: Ground
    exact: bool = False  # stored without loss whatever it came as
    frames: int = 0  # of a moving picture; 0: none may move
    seconds: float = 0.0
    clip_side: int = 0  # bounds the longer side of a moving picture, too
    detect: bool = False  # tell where the picture comes from: ``Normalized.record`` and ``watermark``


@dataclass(frozen=True)
class Stored:
    """A file that is no picture, as a reader wrote it; ``sha256`` in hex."""

    media_type: str
    extension: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Normalized:
    """A stored picture. ``width`` and ``height`` in pixels, upright; ``sha256`` of the file, in hex."""

    media_type: str
    extension: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    frames: int = 1  # more: it moves
    marks: dict[str, Any] | None = None  # what the upload said of itself (``app.provenance.marks``)
    record: dict[str, Any] | None = None  # of how it was made, where Fewstroke made it
    watermark: dict[str, Any] | None = None  # as ``Found``, see ``app.provenance.watermark.detect``
