"""Name result files, and write them whole or not at all."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from app.cli.common import InputError
from app.validators import shortened, utf8_bytes

PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
CLIP_SUFFIXES = (".gif", ".webp", ".png", ".apng", ".mp4", ".m4v", ".mov", ".webm", ".mkv")
# Names of files, not of folders, that nothing is written as.
_OTHER_SUFFIXES = (".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif", ".jxl", ".jp2", ".svg", ".avi")
_NAME_BYTES = 255  # of a file's name, on every usual file system
_FILES = frozenset((*PHOTO_SUFFIXES, *CLIP_SUFFIXES, *_OTHER_SUFFIXES))


def refuse_picture_name(target: Path, suffix: str) -> None:
    """Raise InputError when something else than a picture is to be written by a picture's name."""
    if target.suffix.lower() in _FILES:
        raise InputError(f"{target} is the name of a picture: give one that ends in {suffix}")


def output_paths(
    photos: Sequence[Path],
    clips: Sequence[Path],
    suffixes: Sequence[str],
    style: Path,
    output: Path,
) -> list[Path]:
    """Where the result of each photo, and then of each clip, goes.

    A file when there is one of them and ``output`` looks like a file, else ``NAME.STYLE.SUFFIX`` in the
    folder ``output``; those of the same name get numbers. Never an input. Raises InputError.
    """
    given = (*photos, *clips)
    named = not output.is_dir() and output.suffix.lower() in _FILES
    if named and len(given) > 1:
        raise InputError(f"{len(given)} results do not fit in one file: give a folder with -o")
    if named:
        possible, what = (PHOTO_SUFFIXES, "a photo") if photos else (CLIP_SUFFIXES, "a clip")
        if output.suffix.lower() not in possible:
            raise InputError(
                f"{output} cannot hold {what}: give a folder, or a name in {', '.join(possible)}"
            )
        targets = [output]
    else:
        if output.exists() and not output.is_dir():
            raise InputError(f"{output} is a file: give a folder, or a name that ends in .png, .jpg or .webp")
        targets, taken = [], set()
        for path, suffix in zip(given, suffixes, strict=True):
            ending, number = f".{style.stem}{suffix}", 1
            target = output / _file_name(path.stem, ending)
            while _as_one(target) in taken:
                number += 1
                target = output / _file_name(path.stem, f".{style.stem}-{number}{suffix}")
            targets.append(target)
            taken.add(_as_one(target))
    inputs = {path.resolve() for path in (*given, style)}
    for target in targets:
        if target.resolve() in inputs:
            raise InputError(f"{target} is one of the inputs and would be overwritten: choose another -o")
    return targets


def _as_one(path: Path) -> str:
    """The same for names that are one on macOS and Windows: A.png and a.png, and an accent written apart."""
    return unicodedata.normalize("NFC", path.name).casefold()


def _file_name(stem: str, ending: str) -> str:
    """As long as file systems have it; what is too long loses its middle."""
    ending = shortened(ending, _NAME_BYTES // 2, utf8_bytes)
    return shortened(stem, _NAME_BYTES - utf8_bytes(ending), utf8_bytes) + ending


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file, whole or not at all; makes its folder. Raises InputError when it cannot."""
    with replacing(target) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """An empty file beside ``target`` to write to, which takes its place at the end; whatever happens on the
    way, also Ctrl-C, nothing is left. Makes the folder.

    Raises InputError for an OSError.
    """
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # A short name: with anything added, the target's own might be too long.
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
        temporary = Path(name)
        os.close(handle)
        temporary.chmod(0o666 & ~_umask())  # as any new file; mkstemp's are the user's alone
        yield temporary
        temporary.replace(target)
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"{target} cannot be written: {error.strerror or error}") from error
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
