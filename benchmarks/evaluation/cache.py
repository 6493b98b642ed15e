"""Keeps results and figures on disk: a run that was killed, or that has one new row, repeats nothing.

Results (pictures) and figures have keys of their own: a new metric renders nothing again.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.evaluation.methods import Rendered

PROTOCOL = 3  # raise it when a metric changes, or what adaptations do with the same settings


def cache_key(parts: Iterable[str | int], files: Iterable[Path]) -> str:
    """SHA-256 (hex) over ``parts`` and the contents of ``files``."""
    digest = hashlib.sha256(json.dumps([*parts]).encode())
    for path in files:
        digest.update(_file_hash(path, path.stat().st_mtime_ns))
    return digest.hexdigest()


_hashes: dict[tuple[Path, int], bytes] = {}


def _file_hash(path: Path, mtime_ns: int) -> bytes:
    # every row of an artist asks for the same files
    if (path, mtime_ns) not in _hashes:
        _hashes[path, mtime_ns] = hashlib.sha256(path.read_bytes()).digest()
    return _hashes[path, mtime_ns]


class Cache:
    """A folder of entries."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, key: str) -> dict[str, Any] | None:
        """The entry of ``key``, or None."""
        try:
            entry: dict[str, Any] = json.loads((self._folder / f"{key}.json").read_text())
        except FileNotFoundError:
            return None
        return entry

    def store(self, key: str, entry: dict[str, Any]) -> None:
        """Keep an entry, whole or not at all."""
        path = self._folder / f"{key}.json"
        path.with_suffix(".part").write_text(json.dumps(entry))
        path.with_suffix(".part").replace(path)

    def load_rendered(self, key: str) -> Rendered | None:
        """Results that were stored, or None."""
        entry = self.load(key)
        if entry is None:
            return None
        with Image.open(self._folder / f"{key}.png") as strip:
            strip.load()
            pictures = _cut(strip, entry["results"])
        return Rendered(pictures, entry["prepare_seconds"], entry["photo_seconds"])

    def store_rendered(self, key: str, rendered: Rendered) -> None:
        """Keep results, losslessly; the JSON comes last, so a half-written entry is never found."""
        _joined(rendered.pictures).save(self._folder / f"{key}.png", compress_level=1)
        entry = {
            "results": len(rendered.pictures),
            "prepare_seconds": rendered.prepare_seconds,
            "photo_seconds": rendered.photo_seconds,
        }
        self.store(key, entry)


def _joined(pictures: Sequence[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    strip = Image.new("RGB", (width * len(pictures), height))
    for index, picture in enumerate(pictures):
        strip.paste(picture, (index * width, 0))
    return strip


def _cut(strip: Image.Image, count: int) -> list[Image.Image]:
    width = strip.width // count
    return [strip.crop((i * width, 0, (i + 1) * width, strip.height)) for i in range(count)]
