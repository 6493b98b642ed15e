"""A compute thread that hangs ends its process, and a cancel does not wait for it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.ids import new_id
from app.infra.db import Sessions, utcnow
from app.infra.facts import BASE, set_fact
from app.jobs.job import JobKind, JobState
from app.jobs.ledger import Ledger, NewJob
from app.jobs.tables import JobRow
from app.worker import hang_watchdog as hang_watchdog_module
from app.worker.hang_watchdog import HANGING, HangWatchdog
from tests.support.backend import Backend
from tests.support.fake_engine import BASE_HASH

pytestmark = pytest.mark.process


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_thread_that_does_not_tick_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hang_watchdog_module, "_LOOK_EVERY", 0.001)
    clock = Clock()
    statuses: list[int] = []
    hang_watchdog = HangWatchdog(300, leave=statuses.append, clock=clock, spent=lambda: 0.01 * clock())
    watching = asyncio.create_task(hang_watchdog.watch())
    clock.now = 1000.0
    await asyncio.sleep(0.05)
    assert statuses == [], "nothing is computed"
    with hang_watchdog.beating():
        for _ in range(5):
            clock.now += 299.0
            hang_watchdog.tick()
        await asyncio.sleep(0.05)
        assert statuses == []
        clock.now += 301.0
        assert hang_watchdog.silence == 301.0
        async with asyncio.timeout(10):
            await watching
    assert statuses == [HANGING]
    assert "most recent call first" in capfd.readouterr().err, "where it hung"
    assert hang_watchdog.silence == 0.0


@pytest.mark.parametrize(
    ("share", "after", "hangs"),
    [
        (0.01, 299, False),
        (0.01, 301, True),  # it waits for something
        (0.13, 301, False),  # it is slow: the machine is busy
        (0.13, 2200, False),
        (0.13, 2400, True),  # no step takes as much of a processor
        (2.0, 301, True),
    ],
)
def test_a_thread_that_is_slow_is_not_taken_for_one_that_hangs(
    share: float, after: float, hangs: bool
) -> None:
    clock = Clock()
    watchdog = HangWatchdog(300, clock=clock, spent=lambda: share * clock())
    with watchdog.beating():
        clock.now = after
        assert watchdog.hangs is hangs


async def test_a_cancel_ends_although_the_worker_does_not_stop(ledger: Ledger, sessions: Sessions) -> None:
    job = await ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}))
    begun = await ledger.begin(job.id, "hanging")
    assert begun is not None
    await ledger.request_cancel(job.id)
    assert await ledger.end_canceling(timedelta(seconds=25)) == []
    async with sessions.begin() as session:
        await session.execute(update(JobRow).values(cancel_asked_at=utcnow() - timedelta(seconds=26)))
    await ledger.request_cancel(job.id)  # once more, which does not put it off
    (ended,) = await ledger.end_canceling(timedelta(seconds=25))
    assert (ended.id, ended.state) == (job.id, JobState.CANCELED)
    assert not await ledger.succeed(job.id, begun.attempt, {}), "it comes back too late"
    assert not await ledger.confirm_canceled(job.id, begun.attempt)
    assert await ledger.end_canceling(timedelta(0)) == []


async def test_a_worker_of_another_base_takes_no_jobs(backend: Backend) -> None:
    await set_fact(backend.sessions, BASE, "ab" * 32)
    job = await backend.submit(steps=1)
    await backend.start_worker()
    await asyncio.sleep(1.0)
    assert (await backend.ledger.get(job.id)).state is JobState.QUEUED
    await set_fact(backend.sessions, BASE, BASE_HASH)  # the service is started with its checkpoint
    await backend.until(job.id, JobState.SUCCEEDED)
