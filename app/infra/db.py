"""The database: engine, sessions, column types, and whether it answers.

One code path for SQLite (the default, WAL mode) and PostgreSQL.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    Connection,
    DateTime,
    Engine,
    MetaData,
    Row,
    Select,
    StaticPool,
    Table,
    event,
    insert,
    text,
)
from sqlalchemy import create_engine as create_sync_engine
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, MultipleResultsFound, OperationalError
from sqlalchemy.exc import TimeoutError as WaitedTooLong
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from app.infra.commit_outcome import committing
from app.infra.errors import DatabaseReadOnlyError, DatabaseUnavailableError
from app.infra.logs import reason
from app.infra.sqlite import BEGIN_BRIEF, know_letters
from app.infra.sqlite import connect as connect_sqlite
from app.redaction import redact

BUSY_SECONDS = 15  # how long a SQLite writer waits for another process's write transaction
_READERS = 10  # connections to SQLite that a process keeps: each has a thread, and makes it once
CLOCK_SKEW = timedelta(minutes=1)
"""How far the clocks of replicas may be apart. A short lease that ends further ahead than that, or a row
from a further future, was written before the wall clock went back: it binds nobody."""

_SQLITE = {"timeout": BUSY_SECONDS, "async_creator_fn": connect_sqlite}
_BRIEF = "fewstroke_brief"  # an option of connections
_PREPARE = "fewstroke_prepare"  # sessions know by it what is to see new rows
_AWAY = (OperationalError, InterfaceError, WaitedTooLong, ConnectionError)
_AWAY_STATES = (
    "08",
    "53",
    "57",
    "25006",
)  # PostgreSQL: no connection, no resources, shutting down, a standby


class Sessions:
    """Sessions of one process, whose objects stay readable after the commit.

    ``sessions()`` is for reading, each statement for itself (as with PostgreSQL's read committed);
    ``sessions.begin()`` for writing, one transaction. SQLite has one writer, and those that wait for it sleep
    with a connection in hand, longer and longer: with a few dozen of them no connection was left for readers,
    and some waited for seconds. So the writers of a process stand in a line before they take a connection;
    what is left to SQLite's own waiting is one writer a process.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        sqlite = engine.dialect.name == "sqlite"
        self._engine = engine
        self._make = async_sessionmaker(engine, expire_on_commit=False)
        self._read = async_sessionmaker(_reading(engine), expire_on_commit=False) if sqlite else self._make
        self._here = _reading_here(engine) if sqlite else None
        self._line = asyncio.Lock() if sqlite else None
        self._writer: asyncio.Task[Any] | None = None

    def __call__(self) -> AsyncSession:
        """To be used with ``async with``."""
        return self._read()

    async def row(self, query: Select[*tuple[Any, ...]], **parameters: Any) -> Row[Any] | None:
        """The only row of a query by a unique key, or None. As ``few``, which says where."""
        found = await self.few(query, **parameters)
        if len(found) > 1:
            raise MultipleResultsFound(f"{len(found)} rows where one at most was expected")
        return found[0] if found else None

    async def few(self, query: Select[*tuple[Any, ...]], **parameters: Any) -> Sequence[Row[Any]]:
        """The rows of a query that looks at a few pages: by unique keys, or by an index on a few dozen rows.

        On SQLite in the event loop's thread: a few pages of its cache are read in less time than another
        thread takes to wake up, and to get the interpreter's lock back from a busy loop. Other queries do not
        belong here. When the file is locked (in WAL mode: while it is recovered after a crash), a
        thread waits for it as for every other read.
        """
        if self._here is not None:
            with suppress(OperationalError), self._here.connect() as connection:
                return connection.execute(query, parameters).all()
        async with self._read() as session:
            return (await session.execute(query, parameters)).all()

    def prepare_rows(self, prepare: Callable[[object], None]) -> None:
        """``prepare`` is to see every row that these sessions insert, before they do."""

        def before_flush(session: Session, *_: Any) -> None:
            for row in session.new:
                prepare(row)

        # A session class of its own: the listener must not reach other factories of the process.
        kind = type("PreparingSession", (Session,), {})
        event.listen(kind, "before_flush", before_flush)
        self._make.configure(sync_session_class=kind, info={_PREPARE: prepare})

    @asynccontextmanager
    async def begin(self, *, brief: bool = False) -> AsyncIterator[AsyncSession]:
        """A session in a transaction, which is committed at the end; rolled back when the block raises.

        ``brief``: a few statements about a few rows, which wait for nothing but the database. On SQLite the
        event loop's thread executes them, with the lock of all writers in hand: a dozen trips to another
        thread, each behind whatever the loop has to do, kept it for ten times as long.
        Raises sqlalchemy.exc.TimeoutError when other writers take too long, RuntimeError inside of another
        such block of the same task.
        """
        if self._line is None:
            with committing() as commit_comes:
                async with self._make.begin() as session:
                    yield session
                    commit_comes()
            return
        if self._writer is asyncio.current_task():
            raise RuntimeError("a transaction that writes cannot hold another one: it would wait for itself")
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                await self._line.acquire()
        except TimeoutError as error:
            raise WaitedTooLong(f"other writers took more than {BUSY_SECONDS} s") from error
        self._writer = asyncio.current_task()
        try:
            with committing() as commit_comes:
                async with self._make.begin() as session:
                    if brief:
                        await session.connection(execution_options={_BRIEF: True})
                    yield session
                    commit_comes()
        finally:
            self._writer = None
            self._line.release()

    async def empty_log(self) -> None:
        """Empty SQLite's write-ahead log, which keeps copies of rows that were deleted since it was begun.

        With other databases nothing happens. So it does while others read or write: the next call will do.
        """
        if self._line is None:
            return
        async with self._line, self._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            usual = f"busy_timeout={BUSY_SECONDS * 1000}"
            for pragma in ("busy_timeout=500", "wal_checkpoint(TRUNCATE)", usual):
                async with driver.execute(f"PRAGMA {pragma}"):  # in no transaction
                    pass


class Base(DeclarativeBase):
    """Base of all tables; constraints are named so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(rows: type[Base]) -> Table:
    """The table itself: statements on it are executed without the ORM."""
    return cast(Table, rows.__table__)


async def insert_row(session: AsyncSession, row: Base) -> None:
    """Insert a new row now, without the ORM's unit of work, which costs several times as much.

    The object stays outside of the session; what was not set gets the column's default.
    """
    if prepare := session.info.get(_PREPARE):
        prepare(row)
    table = table_of(type(row))
    given = vars(row)
    values = {column.key: given[column.key] for column in table.columns if column.key in given}
    await session.execute(insert(table), [values])


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database (SQLite itself keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored: attach a time zone first")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utcnow() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def create_engine(url: URL) -> AsyncEngine:
    """An async engine; for SQLite the folder is created and the pragmas are set on every connection.

    Raises DatabaseUnavailableError when that cannot be.
    """
    pool: dict[str, Any] = {"pool_size": 5, "max_overflow": 10, "hide_parameters": True}
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_pre_ping=True, **pool)
    if url.database:
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(url, error) from error
    engine = create_async_engine(url, connect_args=_SQLITE, **pool)
    event.listen(engine.sync_engine, "connect", _configure_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _reading(engine: AsyncEngine) -> AsyncEngine:
    """An engine on the same SQLite database that cannot write. Without transactions: each statement of the
    driver is a trip to another thread, and a transaction took two thirds of those of a simple read."""
    reading = create_async_engine(
        engine.url,
        hide_parameters=True,
        pool_size=_READERS,
        max_overflow=0,
        pool_use_lifo=True,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        connect_args=_SQLITE,
    )
    event.listen(reading.sync_engine, "connect", _only_read)
    event.listen(engine.sync_engine, "engine_disposed", lambda _: reading.sync_engine.dispose())
    return reading


def _reading_here(engine: AsyncEngine) -> Engine:
    """The same SQLite database for the thread of the event loop: one connection, that never waits."""
    here = create_sync_engine(
        engine.url.set(drivername="sqlite"),
        hide_parameters=True,
        poolclass=StaticPool,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        connect_args={"timeout": 0},
    )
    event.listen(here, "connect", _only_read)
    event.listen(engine.sync_engine, "engine_disposed", lambda _: here.dispose())
    return here


def _only_read(connection: Any, _record: Any) -> None:
    know_letters(connection)
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction handling would keep DDL and SELECT outside of transactions.
    connection.isolation_level = None
    know_letters(connection)
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only let go
    cursor.execute("PRAGMA synchronous=NORMAL")  # with WAL: a killed process loses nothing that was committed
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # Deferred: a reader takes no lock. The ledger's writers start with their write, so none upgrades.
    brief = connection.get_execution_options().get(_BRIEF, False)
    connection.exec_driver_sql(BEGIN_BRIEF if brief else "BEGIN")


def create_sessions(engine: AsyncEngine) -> Sessions:
    """The sessions of this process: make them once, so that its writers know of each other."""
    return Sessions(engine)


def is_away(error: BaseException) -> bool:
    """Whether it says that the database restarts, cannot be reached or written, or takes too long: the same
    may go through a little later."""
    if isinstance(error, _AWAY):
        return True
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return isinstance(error, DBAPIError) and (error.connection_invalidated or state.startswith(_AWAY_STATES))


async def in_line(session: AsyncSession, name: str) -> None:
    """Let transactions that name the same line go one after the other, from here to their end.

    For what depends on rows that others are about to write, such as a bound on their number. SQLite has
    one writer anyway: there the first write is the line.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})


async def ping(engine: AsyncEngine) -> None:
    """One round trip; raises what the driver raises, and DatabaseUnavailableError when the database can only
    be read: its disk was remounted, or a standby of PostgreSQL answers."""
    sqlite = engine.dialect.name == "sqlite"
    async with engine.connect() as connection:
        answer = await connection.scalar(text("SELECT 1" if sqlite else "SHOW transaction_read_only"))
    if answer == "on" or (sqlite and not await asyncio.to_thread(_may_write, engine.url.database)):
        raise DatabaseReadOnlyError(unusable(engine.url, "it can only be read").detail)


def _may_write(database: str | None) -> bool:
    """A file and, for SQLite's journals beside it, its folder."""
    path = Path(database or "")
    return not path.is_absolute() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def place(url: URL) -> str:
    """Where a database is, as people call it: a file by its path, whatever letters that has; a server by its
    URL without the password."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    return url.render_as_string(hide_password=True)


def unusable(url: URL, why: Exception | str) -> DatabaseUnavailableError:
    """The error to raise: which database, and why."""
    said = why if isinstance(why, str) else reason(why)
    return DatabaseUnavailableError(
        f"The database {redact(place(url))} cannot be used: {redact(said)}. Check "
        "FEWSTROKE_DATABASE_URL, that its server runs, and that it may be written."
    )
