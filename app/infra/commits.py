"""What may be taken back when a transaction fails, and what may not.

An error in front of the COMMIT leaves nothing behind. One during it, or after, says nothing: the database
may have committed before the connection broke or the request was canceled.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Commits:
    """Whether a transaction of this block has come to its COMMIT."""

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


def commit_begins() -> None:
    """From here on, nobody knows before the database has answered."""
    if (commits := _WATCHED.get()) is not None:
        commits.begun = True
