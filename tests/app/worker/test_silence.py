"""A broker that is there and says nothing, when a job ends."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from app.infra.broker import Broker
from app.jobs.job import JobKind, JobState
from app.worker.batch_barrier import BatchBarrier
from app.worker.inflight import InflightBatch, RunLostError
from app.worker.progress import ProgressReporter
from app.worker.work_item import Step
from tests.support.backend import Backend
from tests.support.waiting import eventually

pytestmark = pytest.mark.process


async def test_a_worker_outlives_it(backend: Backend) -> None:
    worker = await backend.start_worker()
    job = await backend.submit(JobKind.ADAPT, steps=1000)
    await backend.until_step(job.id, 1)

    def told_or_ended() -> bool:
        lines = worker.log.read_text().splitlines()
        failed = [line for line in lines if f"events.{job.id} was not published" in line]
        return worker.process.returncode is not None or any("dropped" not in line for line in failed)

    assert backend.server.pid is not None
    os.kill(backend.server.pid, signal.SIGSTOP)
    try:
        await backend.ledger.request_cancel(job.id)
        await backend.until(job.id, JobState.CANCELED)
        await eventually(told_or_ended, within=30)
    finally:
        os.kill(backend.server.pid, signal.SIGCONT)
    after = await backend.submit(JobKind.ADAPT, steps=1)
    await backend.until(after.id, JobState.SUCCEEDED)
    assert worker.process.returncode is None


class _Silent:
    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def publish_event(self, *_event: Any) -> int:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_progress_that_nobody_takes_is_given_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.worker.progress._DRAIN_TIMEOUT", 0.05)
    broker = _Silent()
    reporter = ProgressReporter(cast(Broker, broker), "job_1")
    reporter.on_step(Step("adapt", 1, 10, {"total": 1.0}))
    await broker.asked.wait()
    await reporter.close()
    await reporter.close()


async def test_a_run_that_nobody_canceled_ends_as_an_error() -> None:
    async def lose() -> None:
        raise asyncio.CancelledError

    with ThreadPoolExecutor() as executor:
        inflight = InflightBatch(
            BatchBarrier(lambda works, done: None, executor), [asyncio.create_task(lose())]
        )
        with pytest.raises(RunLostError):
            await inflight.finished()


async def test_a_run_that_was_dropped_is_canceled() -> None:
    with ThreadPoolExecutor() as executor:
        run = asyncio.create_task(asyncio.Event().wait())
        inflight = InflightBatch(
            BatchBarrier(lambda works, done: None, executor), [cast("asyncio.Task[None]", run)]
        )
        following = asyncio.create_task(inflight.finished())
        await inflight.drop()
        with pytest.raises(asyncio.CancelledError):
            await following
