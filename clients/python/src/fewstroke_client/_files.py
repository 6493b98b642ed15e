"""Pictures, scores and style files on their way out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TypeAlias
from zipfile import ZipFile

Source: TypeAlias = "str | os.PathLike[str] | bytes | IO[bytes]"
"""A file: its path, its bytes, or a binary file object that can seek (read from where it stands)."""

Part: TypeAlias = "tuple[str, tuple[str, bytes | IO[bytes]]]"
"""A field of a multipart form, as httpx takes it."""

_OPENED = "Uploads are files: pass a path, bytes, or a binary file object, not {}."


class Upload:
    """The files of a form, opened once and rewound for each attempt to send them."""

    def __init__(self, files: Sequence[tuple[str, str, bytes | IO[bytes]]]) -> None:
        self._files = files
        self._starts = [0 if isinstance(file, bytes) else file.tell() for _, _, file in files]

    def parts(self) -> list[Part]:
        """The fields, each file at its start."""
        for (_, _, file), start in zip(self._files, self._starts, strict=True):
            if not isinstance(file, bytes):
                file.seek(start)
        return [(field, (name, file)) for field, name, file in self._files]


@contextmanager
def opened(fields: Mapping[str, Sequence[Source]]) -> Iterator[Upload]:
    """The files of a form; those that were opened here are closed at the end. Raises OSError, TypeError."""
    with ExitStack() as stack:
        files: list[tuple[str, str, bytes | IO[bytes]]] = []
        for field, sources in fields.items():
            for number, source in enumerate(sources):
                if isinstance(source, (str, os.PathLike)):
                    path = Path(source)
                    files.append((field, path.name, stack.enter_context(path.open("rb"))))
                elif isinstance(source, bytes):
                    files.append((field, f"{field}-{number + 1}", source))
                elif hasattr(source, "read") and hasattr(source, "seek"):
                    name = os.path.basename(str(getattr(source, "name", ""))) or f"{field}-{number + 1}"
                    files.append((field, name, source))
                else:
                    raise TypeError(_OPENED.format(type(source).__name__))
        yield Upload(files)


@contextmanager
def zipped(photos: Source) -> Iterator[Source]:
    """A ZIP as it is; of a folder a ZIP of its files, which goes at the end. Raises OSError."""
    if not isinstance(photos, (str, os.PathLike)) or not Path(photos).is_dir():
        yield photos
        return
    folder = Path(photos)
    with TemporaryFile() as file:
        with ZipFile(file, "w", strict_timestamps=False) as archive:  # photos are compressed already
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(folder).as_posix())
        file.seek(0)
        yield file


def several(sources: Source | Sequence[Source]) -> Sequence[Source]:
    """One file is a sequence of one."""
    if isinstance(sources, (str, bytes, os.PathLike)) or hasattr(sources, "read"):
        return [sources]  # type: ignore[list-item]
    return list(sources)
