"""Background tasks end, and leave nothing behind that keeps the event loop from closing."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from app.infra.asyncio_utils import end
from app.infra.db import create_engine
from app.settings import Settings
from tests.support.waiting import eventually


async def test_a_task_in_the_middle_of_a_query_leaves_no_other_behind(tmp_path: Path) -> None:
    engine = create_engine(Settings(database_url=f"sqlite:///{tmp_path}/x.db").database)
    begun, release = threading.Event(), threading.Event()

    def hold() -> int:
        begun.set()
        return int(release.wait(60))

    async def query() -> None:
        async with engine.connect() as connection:
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            await raw.driver_connection.create_function("hold", 0, hold)
            await connection.execute(text("SELECT hold()"))

    before = asyncio.all_tasks()
    task = asyncio.create_task(query())
    await eventually(begun.is_set)
    ending = asyncio.create_task(end(task))
    await asyncio.sleep(0)  # canceled, in the middle of the query
    release.set()
    await ending
    await engine.dispose()
    assert task.cancelled()
    assert asyncio.all_tasks() == before


async def test_a_cancellation_that_was_lost_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.infra.asyncio_utils._AGAIN", 0.01)
    lost = 0

    async def deaf_once() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                lost += 1
                if lost > 1:
                    raise

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    await end(task)
    assert lost == 2
