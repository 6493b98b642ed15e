"""Stream all results of a job as one ZIP; memory holds a chunk, not a picture."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import RawIOBase
from typing import Any

from app.infra.blobs import Blobs
from app.validators import shortened, utf8_bytes

MANIFEST = "manifest.json"
_FORBIDDEN = set('<>:"/\\|?*')  # in file names of one system or another
_STEM_BYTES = 240  # file systems take names of 255 bytes, and one letter may have four


@dataclass(frozen=True)
class Member:
    """A picture in the archive."""

    name: str
    blob_key: str


def member_name(position: int, upload: str | None, extension: str) -> str:
    """E.g. ``003-harbour.png``: the place among the contents, the upload's name, the result's format."""
    stem = safe_stem((upload or "").rpartition(".")[0] or (upload or ""))
    return f"{position + 1:03d}{'-' if stem else ''}{stem}.{extension}"


def safe_stem(stem: str) -> str:
    """A file's name without its extension, as every system takes it; maybe empty."""
    stem = "".join("_" if letter in _FORBIDDEN or ord(letter) < 32 else letter for letter in stem)
    return shortened(stem.strip(". "), _STEM_BYTES, utf8_bytes)


def stream_zip(
    members: Sequence[Member], texts: Mapping[str, bytes], blobs: Blobs, made: datetime
) -> Iterator[bytes]:
    """The archive, ``texts`` first, in pieces, which can be read as they come: an entry whose size stands
    behind it has to be deflated, or nobody could tell where it ends. Pictures are compressed already, and
    deflated at level 0.

    Blocking: iterate it in a thread. Raises BlobMissingError between two pieces, which cuts the archive off.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, text in texts.items():
            archive.writestr(_entry(name, made), text)
            yield from sink.drain()
        for member in members:
            with archive.open(_entry(member.name, made), "w", force_zip64=False) as target:
                for chunk in blobs.chunks(member.blob_key):
                    target.write(chunk)
                    yield from sink.drain()
    yield from sink.drain()


def _entry(name: str, made: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, made.timetuple()[:6])
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry._compresslevel = 0  # type: ignore[attr-defined]  # `compress_level` only since Python 3.13
    return entry


class _Sink(RawIOBase):
    """What was written since the last ``drain``. Cannot seek: sizes and checksums come after each member."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append(piece)
        return len(piece)

    def drain(self) -> Iterator[bytes]:
        """Hand out and forget."""
        pieces, self._pieces = self._pieces, []
        yield from pieces
