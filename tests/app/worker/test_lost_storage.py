"""The queue loses its storage while everybody goes on running: no job is lost, nobody is started again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from app.infra.asyncio_utils import end
from app.infra.broker import BrokerUnavailableError, broker_dir
from app.jobs.job import JobKind, JobState
from app.jobs.reconciler import Reconciler
from app.jobs.service import JobService
from tests.support.backend import Backend
from tests.support.waiting import eventually

pytestmark = pytest.mark.process


@asynccontextmanager
async def _reconciling(backend: Backend) -> AsyncIterator[JobService]:
    """What an API process does, beside the worker."""
    jobs = JobService(backend.ledger, backend.broker, max_active=100)
    reconciler = Reconciler(jobs, backend.broker, every=0.2, expires_after=600)
    running = asyncio.create_task(reconciler.run())
    try:
        yield jobs
    finally:
        await end(running)


@asynccontextmanager
async def _jetstream(backend: Backend) -> AsyncIterator[JetStreamContext]:
    client = Client()
    await client.connect(backend.server.url, token=backend.server.token)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def _a_new_disk(backend: Backend) -> None:
    await backend.server.stop()
    shutil.rmtree(broker_dir(backend.settings.data_dir) / "jetstream")
    await backend.server.start()


async def _no_streams(backend: Backend) -> None:
    async with _jetstream(backend) as jetstream:
        for stream in ("JOBS", "EVENTS", "KV_WORKERS"):
            await jetstream.delete_stream(stream)


async def _no_consumer(backend: Backend) -> None:
    async with _jetstream(backend) as jetstream:
        await jetstream.delete_consumer("JOBS", "adapt")


@pytest.mark.parametrize("loss", [_a_new_disk, _no_streams, _no_consumer], ids=lambda loss: loss.__name__)
async def test_jobs_are_done_after_it(backend: Backend, loss: Callable[[Backend], Awaitable[None]]) -> None:
    worker = await backend.start_worker()
    async with _reconciling(backend) as jobs:
        busy = await backend.create(JobKind.ADAPT, steps=60)
        await jobs.enqueue(busy)
        await backend.until(busy.id, JobState.RUNNING)
        waiting = await backend.create(JobKind.ADAPT, steps=1)
        await jobs.enqueue(waiting)  # its message is among what is lost
        await loss(backend)
        later = await backend.create(JobKind.ADAPT, steps=1)
        await jobs.enqueue(later)
        for job in (busy, waiting, later):
            await backend.until(job.id, JobState.SUCCEEDED, within=60)
    assert worker.process.returncode is None

    async def beats() -> bool:
        return worker.pid in {info["pid"] for info in await backend.broker.workers()}

    await eventually(beats)


async def test_a_reader_of_events_goes_on_with_those_of_the_new_storage(backend: Backend) -> None:
    for step in range(3):
        await backend.broker.publish_event("job_1", "progress", {"step": step})
    heard: list[int] = []

    async def read() -> None:
        async for event in backend.broker.events("job_1"):
            heard.append(event.data.get("step", -1))  # noqa: PERF401 - looked at while it grows

    reading = asyncio.create_task(read())
    await eventually(lambda: heard == [0, 1, 2])
    await _a_new_disk(backend)
    await eventually(lambda: backend.broker.connected)

    async def published() -> bool:
        try:
            await backend.broker.publish_event("job_1", "state", {"state": "succeeded"})
        except BrokerUnavailableError:
            return False
        return True

    await eventually(published)
    async with asyncio.timeout(30):
        await reading
    assert heard == [0, 1, 2, -1]
