"""Where the results of a blind choice come from: methods that render, or a folder of earlier results."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageOps

from benchmarks.errors import BenchmarkError, MissingResultError
from benchmarks.evaluation.cache import PROTOCOL, cache_key
from benchmarks.evaluation.material import Material
from benchmarks.evaluation.methods import Case, Method
from benchmarks.evaluation.selection import (
    EXTENSIONS,
    Artist,
    load_work,
)

RECORD = "made.json"  # beside the results of a style: what they were made from


class Source(Protocol):
    """Something that has a result for every style and photo."""

    name: str

    def result(self, artist: Artist, photo: Path) -> Path:
        """The file of one result."""
        ...

    def about(self) -> dict[str, str]:
        """What the key says about it."""
        ...


@dataclass
class Record:
    """What the results of one style were made from."""

    key: str  # method, settings and examples
    examples: list[str]  # SHA-256 of each
    photos: dict[str, str]  # name of each result to the SHA-256 of its photo

    @classmethod
    def read(cls, folder: Path) -> "Record | None":
        """The record of a folder, if it has one."""
        try:
            return cls(**json.loads((folder / RECORD).read_text()))
        except FileNotFoundError:
            return None

    def write(self, folder: Path) -> None:
        """Keep it, whole or not at all."""
        part = folder / f"{RECORD}.part"
        part.write_text(json.dumps(self.__dict__, indent=1) + "\n")
        part.replace(folder / RECORD)


class ResultFolder:
    """Results that something else made: ``FOLDER/<style>/<photo>.png`` (or another format).

    A folder that this evaluation wrote says which examples its results were made from: others are refused.
    """

    def __init__(self, name: str, folder: Path, k: int) -> None:
        self.name, self._folder, self._k = name, folder, k

    def about(self) -> dict[str, str]:
        """Where they are."""
        return {"folder": str(self._folder)}

    def result(self, artist: Artist, photo: Path) -> Path:
        """The file of one result.

        Raises:
            MissingResultError: there is none.
            BenchmarkError: it was made from other examples or another photo.
        """
        folder = self._folder / artist.name
        found = [path for path in sorted(folder.glob("*")) if _is_result(path, photo)]
        if not found:
            raise MissingResultError(
                f"{self.name} has no result {folder / photo.stem}.png: render it, or choose others"
            )
        if record := Record.read(folder):
            made = record.examples[: self._k] == _hashes(artist.examples(self._k))
            if not made or record.photos.get(photo.stem) not in (None, _hash(photo)):
                raise BenchmarkError(
                    f"{found[0]} was made from other examples or another photo: "
                    "take the same --styles, --contents, --k and --seed"
                )
        return found[0]


class Renderings:
    """Results of one of the evaluation's methods, made when they are asked for and kept in a folder.

    Args:
        k: how many of the examples the method is given.
        size: longer side of the photos; none is enlarged.
    """

    def __init__(self, name: str, method: Method, folder: Path, *, k: int, size: int, seed: int) -> None:
        self.name, self._method, self._folder = name, method, folder
        self._k, self._size, self._seed = k, size, seed
        self._works: tuple[str, Sequence[Image.Image]] = ("", ())

    def about(self) -> dict[str, str]:
        """What they depend on."""
        return {"row": self._method.row.label, "key": self._method.row.key, "k": str(self._k)}

    def result(self, artist: Artist, photo: Path) -> Path:
        """The file of one result; rendered unless it is there already."""
        folder, examples = self._folder / artist.name, artist.examples(self._k)
        key = cache_key(("blind", PROTOCOL, self._method.row.key, self._size, self._seed), examples)
        record = Record.read(folder)
        if record is None or record.key != key:
            record = Record(key, _hashes(examples), {})
            folder.mkdir(parents=True, exist_ok=True)
            record.write(folder)  # before the first picture is replaced: none stands under another's record
        path = folder / f"{photo.stem}.png"
        if record.photos.get(photo.stem) == _hash(photo) and path.is_file():
            return path
        case = Case(artist.name, self._examples(artist), [scaled_photo(photo, self._size)], self._seed)
        (picture,) = self._method.render(case).pictures
        picture.save(path, compress_level=4)
        record.photos[photo.stem] = _hash(photo)
        record.write(folder)
        return path

    def _examples(self, artist: Artist) -> Sequence[Image.Image]:
        # one sequence for all photos of an artist: methods learn a style once for each
        if self._works[0] != artist.name:
            self._works = (
                artist.name,
                [load_work(path, self._size) for path in artist.examples(self._k)],
            )
        return self._works[1]


def collect(source: Source, material: Material, say: Callable[[str], None]) -> dict[tuple[str, str], Path]:
    """All results of a source: by style and photo, with progress said for each style."""
    found = {}
    for number, artist in enumerate(material.artists, start=1):
        say(f"{source.name}: style {number} of {len(material.artists)}, {artist.name}")
        for photo in material.photos:
            found[artist.name, photo.stem] = source.result(artist, photo)
    return found


@dataclass(frozen=True)
class Spec:
    """A method as it is named on the command line."""

    name: str
    kind: str  # ours, magenta, ... or folder
    settings: Mapping[str, str]

    @property
    def slug(self) -> str:
        """Its name as the name of a folder."""
        return re.sub(r"[^\w.]+", "-", self.name).strip("-")


KINDS = ("ours", "magenta", "direct", "color", "photo")
SETTINGS = ("steps", "k", "checkpoint")


def parse_method(text: str) -> Spec:
    """``magenta``, ``ours:steps=0,k=1,checkpoint=FILE``, or ``NAME=FOLDER`` of earlier results.

    Raises:
        BenchmarkError: none of these.
    """
    kind, _, rest = text.partition(":")
    if kind == "ours" or text in KINDS:
        settings = dict(part.partition("=")[::2] for part in rest.split(",")) if rest else {}
        if unknown := [name for name in settings if name not in SETTINGS or not settings[name]]:
            raise BenchmarkError(
                f"ours knows no {unknown[0]!r}; it takes NAME=VALUE of {', '.join(SETTINGS)}"
            )
        for name in ("steps", "k"):
            if not settings.get(name, "1").isdecimal():
                raise BenchmarkError(f"{name} takes a whole number, not {settings[name]!r}")
        return Spec(text, kind, settings)
    name, separator, folder = text.partition("=")
    if not separator or not name or not folder or kind in KINDS:
        raise BenchmarkError(
            f"--blind knows no {text!r}; it takes {', '.join(KINDS)}, ours:steps=0, or NAME=FOLDER"
        )
    if not Path(folder).is_dir():
        raise BenchmarkError(f"{folder} is no folder: check the name")
    return Spec(name, "folder", {"folder": folder})


def scaled_photo(path: Path, size: int) -> Image.Image:
    """A whole photo with its longer side at ``size``; a smaller one stays as it is."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    return picture


def _is_result(path: Path, photo: Path) -> bool:
    return path.stem == photo.stem and path.suffix.lower() in EXTENSIONS


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hashes(paths: Sequence[Path]) -> list[str]:
    return [_hash(path) for path in paths]
