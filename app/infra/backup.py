"""Backups of a data folder: the database by SQLite's own copy, then the files that this copy names.

In that order: rows are written after their files, and deleted before them, so what the copied rows name is
there unless it was deleted in the moments between. Files never change: on the same disk they are linked.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.errors import ConfigError
from app.infra.facts import RESTORED

_DATABASE, _BLOBS = "fewstroke.db", "blobs"
_KEYS = "SELECT blob_key FROM images UNION SELECT blob_key FROM styles WHERE blob_key IS NOT NULL"


@dataclass(frozen=True)
class Made:
    """How many files were copied, and how many that the database names were not there."""

    files: int
    missing: int


def back_up(database: Path, blobs: Path, folder: Path) -> Made:
    """Copy into a new folder. Raises ConfigError."""
    if not database.is_file():
        raise ConfigError(f"There is no database at {database}: name the data folder with --data-dir.")
    folder.mkdir(parents=True, mode=0o700)
    with (
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(folder / _DATABASE)) as copy,
    ):
        source.backup(copy)
    files = missing = 0
    for key in _named(folder / _DATABASE):
        if _copy(blobs / key, folder / _BLOBS / key):
            files += 1
        else:
            missing += 1
    return Made(files, missing)


def put_back(folder: Path, database: Path, blobs: Path) -> int:
    """Put a backup in place of a database, and its files beside those that are there; how many. Raises
    ConfigError."""
    copy = folder / _DATABASE
    if not copy.is_file():
        raise ConfigError(f"{folder} is no backup: it has no {_DATABASE}.")
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = database.with_name(f".{database.name}.restored")
    shutil.copyfile(copy, fresh)
    with closing(sqlite3.connect(fresh)) as connection, connection:
        connection.execute("DELETE FROM facts WHERE name = ?", (RESTORED,))
        connection.execute(
            "INSERT INTO facts (name, value) VALUES (?, ?)", (RESTORED, datetime.now(UTC).isoformat())
        )
    for journal in ("-wal", "-shm"):  # of the database that is replaced
        database.with_name(database.name + journal).unlink(missing_ok=True)
    fresh.replace(database)
    return sum(_copy(folder / _BLOBS / key, blobs / key) for key in _named(database))


def _named(database: Path) -> list[str]:
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return [key for (key,) in connection.execute(_KEYS)]


def _copy(source: Path, target: Path) -> bool:
    """Whether the file is there now."""
    if target.exists():
        return True
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        return False
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
    return True
