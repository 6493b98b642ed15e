"""An aiosqlite connection that runs each statement in one hop to its thread (SQLAlchemy's needs four).

aiosqlite gives each connection a thread, and SQLAlchemy asks it four times for a statement: make a cursor,
execute, fetch all, close the cursor. Each time two threads hand the interpreter's lock to each other, and the
event loop does something else in between; while a transaction that writes waits for it, all other writers do.
As SQLAlchemy wants all rows at once anyway, the four can be one.

And once a transaction has the lock of all writers its statements wait for nobody: begun with ``BEGIN_BRIEF``,
they are executed in the loop's own thread. Before the commit, which the other thread makes, only pages in
memory change. The beginning is tried there too, without waiting; only when another process has the lock does
the other thread wait for it.
"""

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Self

import aiosqlite

BEGIN_BRIEF = "BEGIN IMMEDIATE"
"""Takes the lock at once if it is free, else waits for it in the connection's thread; what follows, up to the
commit, is executed at once."""


class Connection(aiosqlite.Connection):
    """aiosqlite's, with cursors that exist only while they execute a statement."""

    _brief = False  # a transaction began so, and has not ended
    _at_rest = True  # nobody gave up waiting for the thread, which may still be at it

    def cursor(self) -> "Cursor":  # type: ignore[override]
        """One for SQLAlchemy's adapter; no trip to the thread."""
        return Cursor(self)

    async def outcome(self, method: str, statement: str, parameters: Sequence[Any]) -> "Outcome":
        """``execute`` or ``executemany``. Raises what sqlite3 raises."""
        if self._brief and self._at_rest and self._conn.in_transaction:
            return _outcome(self._conn, method, statement, parameters)
        if statement == BEGIN_BRIEF and self._at_rest and (begun := _begin_at_once(self._conn)):
            self._brief = True
            return begun
        self._at_rest = False
        try:
            outcome: Outcome = await self._execute(  # type: ignore[no-untyped-call]
                _outcome, self._conn, method, statement, parameters
            )
        except sqlite3.Error:
            self._at_rest = True
            raise
        self._at_rest = True
        self._brief = statement == BEGIN_BRIEF
        return outcome

    async def commit(self) -> None:
        """Commit the current transaction."""
        self._brief = False
        await super().commit()

    async def rollback(self) -> None:
        """Roll back the current transaction. After a commit the pool asks for it too: nothing to do."""
        self._brief = False
        if not self._at_rest or self._conn.in_transaction:
            await super().rollback()


class Outcome(NamedTuple):
    """What is left of a statement: all its rows, and what its cursor said."""

    rows: list[Any]
    description: Any
    rowcount: int
    lastrowid: int | None


class Cursor:
    """The part of a cursor that SQLAlchemy's adapter uses (`AsyncIODBAPICursor`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outcome = Outcome([], None, -1, None)
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        """As PEP 249 has it; None after a statement that returns no rows."""
        return self._outcome.description

    @property
    def rowcount(self) -> int:
        """Changed rows; -1 after a query."""
        return self._outcome.rowcount

    @property
    def lastrowid(self) -> int | None:
        """Of the row inserted last."""
        return self._outcome.lastrowid

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        """Execute the statement and take all its rows."""
        self._outcome = await self._connection.outcome("execute", statement, parameters)
        return self

    async def executemany(self, statement: str, parameters: Sequence[Any]) -> Self:
        """The statement with each of the sequence's parameters."""
        self._outcome = await self._connection.outcome("executemany", statement, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        """The rows, which are here already."""
        return self._outcome.rows

    async def close(self) -> None:
        """Nothing is left open in the thread."""


def connect(database: str, **arguments: Any) -> Connection:
    """To be awaited. For SQLAlchemy's ``async_creator_fn``; the arguments are those of sqlite3."""
    arguments["check_same_thread"] = False  # two threads use it, by turns
    connection = Connection(partial(sqlite3.connect, database, **arguments), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy does with those that it makes itself
    return connection


def know_letters(connection: Any) -> None:
    """Make ``lower()`` that of Unicode, as on PostgreSQL: SQLite's own knows the letters of ASCII alone.

    ``connection``: of sqlite3, or SQLAlchemy's around ours.
    """
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _begin_at_once(connection: sqlite3.Connection) -> Outcome | None:
    """BEGIN_BRIEF without waiting; None when the lock is not free."""
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()  # ms
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        return _outcome(connection, "execute", BEGIN_BRIEF, ())
    except sqlite3.OperationalError:
        return None
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}")


def _outcome(
    connection: sqlite3.Connection, method: str, statement: str, parameters: Sequence[Any]
) -> Outcome:
    cursor = connection.cursor()
    try:
        getattr(cursor, method)(statement, parameters)
        rows = cursor.fetchall() if cursor.description else []
        return Outcome(rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()
