"""Lock a data folder, so that one ``fewstroke serve`` uses it at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from app.supervisor.errors import DataFolderBusyError, DataFolderUnusableError


@contextmanager
def data_folder_lock(data_dir: Path) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it when the process ends, however it ends.

    Raises DataFolderBusyError, DataFolderUnusableError.
    """
    with _lock_file(data_dir) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            owner = stream.read().strip()
            who = f" (process {owner})" if owner else ""
            raise DataFolderBusyError(
                f"another `fewstroke serve`{who} uses {data_dir}: stop it first, or give this one a folder "
                "of its own with --data-dir"
            ) from error
        try:
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
        except OSError as error:
            raise _unusable(data_dir, error) from error
        yield


def _lock_file(data_dir: Path) -> TextIO:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return (data_dir / "serve.lock").open("a+", encoding="ascii")
    except OSError as error:
        raise _unusable(data_dir, error) from error


def _unusable(data_dir: Path, error: OSError) -> DataFolderUnusableError:
    return DataFolderUnusableError(
        f"the data folder {data_dir} cannot be written ({error.strerror}): make room or give this user the "
        "right to write there, or choose another folder with --data-dir"
    )
