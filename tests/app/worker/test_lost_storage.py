"""The queue loses its storage while everybody goes on running: no job is lost, nobody is started again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from app.infra.broker import BrokerUnavailableError, broker_dir
from app.infra.tasks import end
from app.jobs.model import JobKind, JobState
from app.jobs.reconciler import Reconciler
from app.jobs.service import JobService
from tests.app.waiting import eventually
from tests.app.worker.plant import Plant


@asynccontextmanager
async def _reconciling(plant: Plant) -> AsyncIterator[JobService]:
    """What an API process does, beside the worker."""
    jobs = JobService(plant.ledger, plant.broker, max_active=100)
    reconciler = Reconciler(jobs, plant.broker, every=0.2, expires_after=600)
    running = asyncio.create_task(reconciler.run())
    try:
        yield jobs
    finally:
        await end(running)


@asynccontextmanager
async def _jetstream(plant: Plant) -> AsyncIterator[JetStreamContext]:
    client = Client()
    await client.connect(plant.server.url, token=plant.server.token)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def _a_new_disk(plant: Plant) -> None:
    await plant.server.stop()
    shutil.rmtree(broker_dir(plant.settings.data_dir) / "jetstream")
    await plant.server.start()


async def _no_streams(plant: Plant) -> None:
    async with _jetstream(plant) as jetstream:
        for stream in ("JOBS", "EVENTS", "KV_WORKERS"):
            await jetstream.delete_stream(stream)


async def _no_consumer(plant: Plant) -> None:
    async with _jetstream(plant) as jetstream:
        await jetstream.delete_consumer("JOBS", "adapt")


@pytest.mark.parametrize("loss", [_a_new_disk, _no_streams, _no_consumer], ids=lambda loss: loss.__name__)
async def test_jobs_are_done_after_it(plant: Plant, loss: Callable[[Plant], Awaitable[None]]) -> None:
    worker = await plant.start_worker()
    async with _reconciling(plant) as jobs:
        busy = await plant.create(JobKind.ADAPT, steps=60)
        await jobs.enqueue(busy)
        await plant.until(busy.id, JobState.RUNNING)
        waiting = await plant.create(JobKind.ADAPT, steps=1)
        await jobs.enqueue(waiting)  # its message is among what is lost
        await loss(plant)
        later = await plant.create(JobKind.ADAPT, steps=1)
        await jobs.enqueue(later)
        for job in (busy, waiting, later):
            await plant.until(job.id, JobState.SUCCEEDED, within=60)
    assert worker.process.returncode is None

    async def beats() -> bool:
        return worker.pid in {info["pid"] for info in await plant.broker.workers()}

    await eventually(beats)


async def test_a_reader_of_events_goes_on_with_those_of_the_new_storage(plant: Plant) -> None:
    for step in range(3):
        await plant.broker.publish_event("job_1", "progress", {"step": step})
    heard: list[int] = []

    async def read() -> None:
        async for event in plant.broker.events("job_1"):
            heard.append(event.data.get("step", -1))  # noqa: PERF401 - looked at while it grows

    reading = asyncio.create_task(read())
    await eventually(lambda: heard == [0, 1, 2])
    await _a_new_disk(plant)
    await eventually(lambda: plant.broker.connected)

    async def published() -> bool:
        try:
            await plant.broker.publish_event("job_1", "state", {"state": "succeeded"})
        except BrokerUnavailableError:
            return False
        return True

    await eventually(published)
    async with asyncio.timeout(30):
        await reading
    assert heard == [0, 1, 2, -1]
