"""One ``fewstroke serve`` a data folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.supervisor.errors import DataFolderBusyError


@contextmanager
def data_folder_lock(data_dir: Path) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it when the process ends, however it ends.

    Raises DataFolderBusyError.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "serve.lock"
    with path.open("a+", encoding="ascii") as stream:
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
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
