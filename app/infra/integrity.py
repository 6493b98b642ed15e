"""Check that the SQLite file is intact: at the start, every hour, and when a query says otherwise.

PostgreSQL looks after itself (checksums), and tells by its own log.
"""

import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from app.infra.errors import DatabaseDamagedError

logger = logging.getLogger(__name__)

_EVERY = 3600.0  # s
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_ADVICE = (
    "The database is damaged: stop the service, copy the data folder away, and restore a backup "
    "(docs/backup.md), or mend it with `sqlite3 fewstroke.db .recover`."
)


def is_damaged(error: BaseException) -> bool:
    """Whether SQLite says that its file is no database, or one with torn pages."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorcode", None)
    return isinstance(original, sqlite3.Error) and code is not None and code & 0xFF in _DAMAGED


class Integrity:
    """Of the database of one process."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._damaged = False

    async def run(self) -> None:
        """Look, until canceled."""
        while True:
            found = await find_damage(self._url)
            if found is not None:
                logger.error("the database is damaged: %s", found)
            self._damaged = found is not None
            await asyncio.sleep(_EVERY)

    def note(self, error: BaseException) -> None:
        """A query failed."""
        if is_damaged(error) and not self._damaged:
            self._damaged = True
            logger.error("the database is damaged: %s", getattr(error, "orig", error))

    def check(self) -> None:
        """Raise DatabaseDamagedError."""
        if self._damaged:
            raise DatabaseDamagedError(_ADVICE)


async def find_damage(url: URL) -> str | None:
    """The first thing that is wrong with the file of a SQLite database that is there."""
    path = Path(url.database or "")
    if url.get_backend_name() != "sqlite" or not await asyncio.to_thread(path.is_file):
        return None
    try:
        return await asyncio.to_thread(_quick_check, path)
    except sqlite3.Error as error:
        return str(error) if is_damaged(error) else None


def _quick_check(path: Path) -> str | None:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=15)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if found == "ok" else str(found)
