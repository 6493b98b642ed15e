"""Find and read the picture files that a command names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from app.cli.common import InputError, about
from app.imaging.formats import OutputFormat
from app.imaging.limits import Ground, Limits
from app.imaging.normalize import normalize
from app.imaging.readable import listed
from app.imaging.sniff import media_type_of
from app.provenance.marks import read_marks
from app.provenance.reserved_examples import refusal
from app.settings import load_settings

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".heic", ".heif"})

_FORMATS = {
    ".png": OutputFormat.PNG,
    ".jpg": OutputFormat.JPEG,
    ".jpeg": OutputFormat.JPEG,
    ".webp": OutputFormat.WEBP,
}
SUFFIXES = {OutputFormat.PNG: ".png", OutputFormat.JPEG: ".jpg", OutputFormat.WEBP: ".webp"}


def expand(paths: Iterable[Path]) -> list[Path]:
    """Files as they are, folders as the pictures directly in them, by name; hidden files, such as those
    that macOS writes beside others (`._a.jpg`), only where they are named. Raises InputError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                file
                for file in path.iterdir()
                if file.suffix.lower() in PICTURE_SUFFIXES
                and not file.name.startswith(".")
                and file.is_file()
            )
            if not inside:
                raise InputError(f"there are no pictures ({listed()}) in the folder {path}")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path} does not exist: check the name")
    return list(dict.fromkeys(found))


def read_pictures(paths: Iterable[Path], *, longest: int, ground: Ground) -> list[Image.Image]:
    """As ``read_picture``; of those that cannot be used each is named. Raises InputError."""
    pictures, bad = [], []
    for path in paths:
        try:
            pictures.append(read_picture(path, longest=longest, ground=ground))
        except InputError as error:
            bad.append(str(error))
    if bad:
        raise InputError("\n".join(bad))
    return pictures


def refuse_reserved(examples: Iterable[Path]) -> None:
    """Raise InputError about those whose metadata forbid to learn from them, unless the settings allow it."""
    settings = load_settings()
    bad = []
    for path in examples:
        with about(path):
            marks, _ = read_marks(path, media_type_of(path))
        if why := refusal(str(path), marks.reserved, settings):
            bad.append(why)
    if bad:
        raise InputError("\n".join([*bad, "choose others, whose owners permit it"]))


def read_picture(path: Path, *, longest: int | None = None, ground: Ground = Ground.KEPT) -> Image.Image:
    """The picture as the service reads it: upright, sRGB, RGB or RGBA; RGB on another ground than ``KEPT``.

    Raises InputError.
    """
    settings = load_settings()
    limits = Limits(
        min_side=settings.min_side,
        max_side=settings.max_side,
        max_pixels=settings.max_pixels,
        target_side=longest or settings.max_side,
        ground=ground,
    )
    with tempfile.TemporaryDirectory(prefix="fewstroke-") as folder, about(path):
        target = Path(folder) / "picture"
        normalize(path, target, limits, label=str(path))
        with Image.open(target) as image:
            image.load()
            return image.copy()


def output_format(name: str | None, output: Path) -> OutputFormat:
    """The format by ``--format`` or the output's suffix, else PNG.

    Raises InputError, also when the two differ.
    """
    named = None if output.is_dir() else _FORMATS.get(output.suffix.lower())
    if name is None:
        return named or OutputFormat.PNG
    try:
        asked = OutputFormat("jpeg" if name.lower() == "jpg" else name.lower())
    except ValueError as error:
        raise InputError(f"{name!r} is no output format: use png, jpeg or webp") from error
    if named not in (None, asked):
        raise InputError(
            f"{output} is no name for a {asked}: give one that ends in {SUFFIXES[asked]}, or no --format"
        )
    return asked
