"""Keeps measured rows on disk: a run that was stopped, or that has one new row, repeats nothing."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

PROTOCOL = 1  # raise it when a metric or the choice of pictures changes


@dataclass(frozen=True)
class Measured:
    """One method on one artist."""

    values: dict[str, float]  # means over photos, by column
    seconds: float  # of rendering, adaptation included
    results: list[Image.Image]  # one a photo, all of one size; none for real works


def cache_key(parts: Iterable[str | int], files: Iterable[Path]) -> str:
    """SHA-256 (hex) over the protocol, ``parts`` and the contents of ``files``."""
    digest = hashlib.sha256(json.dumps([PROTOCOL, *parts]).encode())
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class ResultCache:
    """A folder of entries, or nothing at all when ``folder`` is None."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def load(self, key: str) -> Measured | None:
        """The entry of ``key``, or None."""
        if self._folder is None or not (path := self._folder / f"{key}.json").is_file():
            return None
        entry = json.loads(path.read_text())
        results = []
        if entry["results"]:
            with Image.open(self._folder / f"{key}.png") as strip:
                strip.load()
                results = _cut(strip, entry["results"])
        return Measured(entry["values"], entry["seconds"], results)

    def store(self, key: str, measured: Measured) -> None:
        """Keep an entry; the JSON comes last, so a half-written entry is never found."""
        if self._folder is None:
            return
        if measured.results:
            _joined(measured.results).save(self._folder / f"{key}.png")
        entry = {"values": measured.values, "seconds": measured.seconds, "results": len(measured.results)}
        path = self._folder / f"{key}.json"
        path.with_suffix(".part").write_text(json.dumps(entry))
        path.with_suffix(".part").replace(path)


def _joined(pictures: Sequence[Image.Image]) -> Image.Image:
    width, height = pictures[0].size
    strip = Image.new("RGB", (width * len(pictures), height))
    for index, picture in enumerate(pictures):
        strip.paste(picture, (index * width, 0))
    return strip


def _cut(strip: Image.Image, count: int) -> list[Image.Image]:
    width = strip.width // count
    return [strip.crop((i * width, 0, (i + 1) * width, strip.height)) for i in range(count)]
