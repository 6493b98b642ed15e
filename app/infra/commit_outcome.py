"""Tell whether a failed transaction may have been committed, and so what may be undone.

An error in front of the COMMIT leaves nothing behind, and neither does a COMMIT that the database itself
refused. Any other error during it, or after, says nothing: the database may have committed before the
connection broke or the request was canceled.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

# Integrity, rolled back (serialization), out of resources. Not 08, 57 and 58: those may come after the fact.
_REFUSALS = frozenset({"23", "40", "53"})


@dataclass
class Commits:
    """Whether a transaction of this block may have committed."""

    begun: bool = False


_WATCHED: ContextVar[Commits | None] = ContextVar("watched_commits", default=None)


@contextmanager
def watch_commits() -> Iterator[Commits]:
    """Notes the commits inside the block (of ``Sessions.begin``)."""
    commits = Commits()
    token = _WATCHED.set(commits)
    try:
        yield commits
    finally:
        _WATCHED.reset(token)


@contextmanager
def committing() -> Iterator[Callable[[], None]]:
    """Around a transaction. What it gives is to be called when nothing is left to do but the COMMIT."""
    commits = _WATCHED.get() or Commits()
    before = commits.begun
    asked = False

    def ask() -> None:
        nonlocal asked
        asked = commits.begun = True

    try:
        yield ask
    except DBAPIError as error:
        if asked and _refused(error):
            commits.begun = before
        raise


def _refused(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return False
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", None)
        return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CONSTRAINT)
    return str(getattr(error.orig, "sqlstate", None) or "")[:2] in _REFUSALS
