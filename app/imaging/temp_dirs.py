"""Temporary folders of uploads: one for each picture, for as long as it is decoded."""

import os
import shutil
from pathlib import Path
from tempfile import gettempdir

UPLOADS = "fewstroke-upload-"
"""How their names begin."""


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
