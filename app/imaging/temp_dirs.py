"""Temporary folders of uploads: one for each picture, for as long as it is decoded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from app.infra.errors import temp_files_unavailable

UPLOADS = "fewstroke-upload-"
"""How their names begin."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for one picture, which goes at the end of the block. Raises ServiceUnavailableError when there
    can be none, OSError when the disk is full."""
    try:
        folder = TemporaryDirectory(prefix=UPLOADS)
    except OSError as error:
        raise temp_files_unavailable(error) from error
    with folder as path:
        yield Path(path)


def delete_left_behind(older_than: float) -> int:
    """Delete those of processes that were killed: ours, untouched since ``older_than`` (s since 1970).

    How many. Other users' and links are left alone.
    """
    deleted = 0
    for folder in Path(gettempdir()).glob(f"{UPLOADS}*"):
        try:
            found = folder.lstat()
        except FileNotFoundError:
            continue
        if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mtime >= older_than:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        deleted += not folder.exists()
    return deleted
