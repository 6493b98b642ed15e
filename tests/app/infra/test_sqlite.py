"""What is particular to SQLite: threads, trips to them, and locks of its file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import insert, select, text

from app.infra.db import BUSY_SECONDS, Sessions, create_engine, create_sessions
from app.job_hooks import JOB_HOOKS
from app.jobs.job import JobKind, JobState
from app.jobs.ledger import Ledger, NewJob
from app.jobs.tables import BY_ID, JobRow
from app.metrics.tables import TallyRow
from app.settings import Settings


@pytest.fixture
def database(tmp_path: Path, sqlite_template: Path) -> Path:
    path = tmp_path / "test.db"
    path.write_bytes(sqlite_template.read_bytes())
    return path


@pytest.fixture
async def sessions(database: Path) -> AsyncIterator[Sessions]:
    engine = create_engine(Settings(database_url=f"sqlite:///{database}").database)
    yield create_sessions(engine)
    await engine.dispose()


async def test_letters_of_all_alphabets_have_two_cases(sessions: Sessions) -> None:
    query = select(text("lower('ÉTÉ Ночь')"), text("lower(NULL)"), text("lower(7)"))
    assert tuple(await sessions.row(query) or ()) == ("été ночь", None, 7), "in the loop's thread"
    for session in (sessions(), sessions.begin()):
        async with session as each:
            assert tuple((await each.execute(query)).one()) == ("été ночь", None, 7)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What connections have asked of their threads."""
    asked: list[str] = []
    execute = aiosqlite.Connection._execute

    async def counted(self, function, *args, **kwargs):
        asked.append(function.__name__)
        return await execute(self, function, *args, **kwargs)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    return asked


async def test_a_statement_is_one_trip_to_the_thread(sessions: Sessions, trips: list[str]) -> None:
    async with sessions() as session:
        await session.execute(text("SELECT 1"))
        trips.clear()
        assert (await session.execute(text("SELECT 1 UNION SELECT 2"))).scalars().all() == [1, 2]
        assert len(trips) == 1


async def test_outcomes_of_statements(sessions: Sessions) -> None:
    values = [{"name": "n", "kind": kind, "label": "l", "count": 1, "total": 0.5} for kind in "abc"]
    async with sessions.begin() as session:
        await session.execute(insert(TallyRow), values)  # executemany
        changed: Any = await session.execute(text("UPDATE metric_tallies SET count = 7 WHERE kind < 'c'"))
        assert changed.rowcount == 2
        gone = text("DELETE FROM metric_tallies WHERE kind = 'c' RETURNING total")
        assert (await session.execute(gone)).all() == [(0.5,)]
        with pytest.raises(Exception, match="UNIQUE"):
            await session.execute(text("INSERT INTO metric_tallies VALUES ('n', 'a', 'l', 0, 0)"))
        assert (await session.scalars(select(TallyRow.kind).order_by(TallyRow.kind))).all() == ["a", "b"]


async def test_a_job_is_read_without_another_thread(sessions: Sessions, trips: list[str]) -> None:
    ledger = Ledger(sessions, JOB_HOOKS)
    made = await ledger.create(NewJob("job_1", JobKind.ADAPT, {"examples": ["img_1"]}, owner="alice"))
    trips.clear()
    assert await ledger.get("job_1") == made
    assert trips == []
    await ledger.request_cancel("job_1")
    assert (await ledger.get("job_1")).state is JobState.CANCELED  # what was committed is seen at once


async def test_a_locked_file_does_not_stop_the_event_loop(database: Path, sessions: Sessions) -> None:
    owner = sqlite3.connect(database)
    owner.execute("PRAGMA locking_mode=EXCLUSIVE")
    owner.execute("BEGIN IMMEDIATE")
    owner.commit()  # the lock stays
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite3.connect(database, timeout=0).execute("SELECT 1 FROM jobs")
    # Nobody would close it if the reader waited in the loop's thread.
    asyncio.get_running_loop().call_later(0.2, owner.close)
    async with asyncio.timeout(10):
        assert await sessions.row(BY_ID, id="job_1") is None


async def test_a_row_cannot_be_written_where_it_is_read(sessions: Sessions) -> None:
    with pytest.raises(Exception, match="readonly"):
        await sessions.row(insert(JobRow).returning(JobRow.id), id="job_1")  # type: ignore[arg-type]


async def test_a_brief_transaction_is_one_trip_to_the_thread(sessions: Sessions, trips: list[str]) -> None:
    ledger = Ledger(sessions, JOB_HOOKS)
    await ledger.create(NewJob("job_1", JobKind.ADAPT, {}))
    trips.clear()
    await ledger.create(NewJob("job_2", JobKind.ADAPT, {}), max_active=9, max_per_owner=9)
    assert len(trips) == 1  # to commit
    trips.clear()
    async with sessions.begin() as session:  # the same connection: another transaction is another matter
        await session.execute(text("UPDATE jobs SET attempt = 1"))
    assert len(trips) == 3


async def test_a_brief_transaction_that_fails_leaves_nothing(sessions: Sessions, trips: list[str]) -> None:
    ledger = Ledger(sessions, JOB_HOOKS)

    async def refuse(_: object) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await ledger.create(NewJob("job_1", JobKind.ADAPT, {}, effects=[refuse]))
    assert await sessions.row(BY_ID, id="job_1") is None
    await ledger.create(NewJob("job_1", JobKind.ADAPT, {}))
    assert (await ledger.get("job_1")).state is JobState.QUEUED


async def test_the_lock_of_the_writers_is_not_waited_for_in_the_event_loop(
    database: Path, sessions: Sessions
) -> None:
    other = sqlite3.connect(database)
    other.execute("BEGIN IMMEDIATE")
    late = []

    def free() -> None:
        late.append("the loop went on")
        other.rollback()

    asyncio.get_running_loop().call_later(0.2, free)
    async with asyncio.timeout(10):
        await Ledger(sessions, JOB_HOOKS).create(NewJob("job_1", JobKind.ADAPT, {}))
    assert late
    other.close()


async def test_a_connection_that_tried_without_waiting_waits_again(
    database: Path, sessions: Sessions
) -> None:
    """What it was told of patience is put back, also for transactions that are not brief."""
    await Ledger(sessions, JOB_HOOKS).create(NewJob("job_1", JobKind.ADAPT, {}))
    async with sessions.begin() as session:
        assert (await session.execute(text("PRAGMA busy_timeout"))).scalar_one() == 1000 * BUSY_SECONDS


async def test_who_gives_up_waiting_for_the_lock_does_not_get_it(database: Path, sessions: Sessions) -> None:
    other = sqlite3.connect(database, timeout=5, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(Ledger(sessions, JOB_HOOKS).create(NewJob("job_1", JobKind.ADAPT, {})))
    await asyncio.sleep(0.2)
    waiting.cancel()
    asyncio.get_running_loop().call_later(0.2, other.rollback)  # its thread gets the lock, for nobody
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await Ledger(sessions, JOB_HOOKS).create(NewJob("job_2", JobKind.ADAPT, {}))
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")  # nobody has kept it
    other.rollback()
    assert await sessions.row(BY_ID, id="job_1") is None
    other.close()
