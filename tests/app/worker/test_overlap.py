"""Stylizations of a moment: the next is begun, and the last is stored, while one is computed."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest_asyncio
from PIL import Image

from app.jobs.model import Job, JobKind, JobState
from tests.app.waiting import eventually
from tests.app.worker.plant import Plant, running_plant
from tests.app.worker.test_jobs import style_file

SLOW = timedelta(seconds=0.6)  # of one rendering
PHOTO = Image.new("RGB", (64, 48), "teal")


@pytest_asyncio.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    async with running_plant(tmp_path / "data") as running:
        yield running


async def stylization(plant: Plant, photo: Image.Image = PHOTO) -> Job:
    return await plant.submit(JobKind.STYLIZE, style=style_file(), contents=[photo])


async def start(plant: Plant, step: float = SLOW.total_seconds()) -> None:
    await plant.start_worker(FEWSTROKE_SCRIPTED_STEP=str(step))


async def running(plant: Plant, job: Job) -> None:
    async def begun() -> bool:
        return (await plant.ledger.get(job.id)).state is JobState.RUNNING

    await eventually(begun)


async def times(plant: Plant, job: Job) -> tuple[datetime, datetime]:
    """When the job was begun and ended; it was begun once."""
    done = await plant.until(job.id, JobState.SUCCEEDED)
    assert done.attempt == 1
    assert done.started_at is not None
    assert done.finished_at is not None
    return done.started_at, done.finished_at


async def test_one_stylization_is_begun_ahead_and_no_more(plant: Plant):
    jobs = [await stylization(plant) for _ in range(3)]
    await start(plant)
    began, ended = zip(*[await times(plant, job) for job in jobs], strict=True)
    assert began[1] < ended[0]
    assert began[2] >= began[0] + SLOW  # not before the second is computed
    assert list(ended) == sorted(ended)
    for job in jobs:
        assert len(await plant.results(job.id)) == 1
    assert await plant.broker.next_job(["stylize"], timeout=0) is None


async def test_what_takes_longer_is_neither_begun_ahead_nor_overtaken(plant: Plant):
    photo = await stylization(plant)
    large = await stylization(plant, Image.new("RGB", (1025, 1024), "teal"))
    other = await stylization(plant)
    adaptation = await plant.submit(JobKind.ADAPT, steps=1)
    await start(plant)
    began = {job.id: await times(plant, job) for job in (photo, large, other, adaptation)}
    assert began[other.id][0] >= began[large.id][1]
    assert began[adaptation.id][0] >= began[other.id][0] + SLOW


async def test_the_jobs_of_a_killed_worker_come_again(plant: Plant):
    computed, ahead, waiting = [await stylization(plant) for _ in range(3)]
    await start(plant, step=600)
    await running(plant, ahead)
    assert (await plant.ledger.get(waiting.id)).state is JobState.QUEUED
    plant.workers[0].kill()
    await plant.workers[0].wait()
    await start(plant, step=0)
    assert [
        (await plant.until(job.id, JobState.SUCCEEDED)).attempt for job in (computed, ahead, waiting)
    ] == [
        2,
        2,
        1,
    ]
    for job in (computed, ahead, waiting):
        (row,) = await plant.results(job.id)
        assert await plant.blobs.keys(f"results/{job.id}") == [row.blob_key]


async def test_a_stop_finishes_what_was_begun_and_nothing_else(plant: Plant):
    computed, ahead, waiting = [await stylization(plant) for _ in range(3)]
    await start(plant)
    await running(plant, ahead)
    plant.workers[0].process.send_signal(signal.SIGTERM)
    assert await plant.workers[0].wait() == 0
    states = [(await plant.ledger.get(job.id)).state for job in (computed, ahead, waiting)]
    assert states == [JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.QUEUED]


async def test_a_job_that_was_begun_ahead_can_be_canceled(plant: Plant):
    computed, ahead = [await stylization(plant) for _ in range(2)]
    await start(plant, step=1.5)
    await running(plant, ahead)
    await plant.cancel(ahead.id)
    await plant.until(ahead.id, JobState.CANCELED)
    assert await plant.results(ahead.id) == []
    await plant.until(computed.id, JobState.SUCCEEDED)
