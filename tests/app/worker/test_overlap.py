"""Stylizations of a moment: the next is begun, and the last is stored, while one is computed."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest_asyncio
from PIL import Image

from app.jobs.job import Job, JobKind, JobState
from tests.support.backend import Backend, running_backend
from tests.support.fake_engine import BASE_HASH
from tests.support.fake_worker import style_bytes
from tests.support.waiting import eventually

SLOW = timedelta(seconds=0.6)  # of one rendering
PHOTO = Image.new("RGB", (64, 48), "teal")


@pytest_asyncio.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with running_backend(tmp_path / "data") as running:
        yield running


async def stylization(backend: Backend, photo: Image.Image = PHOTO) -> Job:
    return await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[photo])


async def start(backend: Backend, step: float = SLOW.total_seconds()) -> None:
    await backend.start_worker(FEWSTROKE_SCRIPTED_STEP=str(step))


async def running(backend: Backend, job: Job) -> None:
    async def begun() -> bool:
        return (await backend.ledger.get(job.id)).state is JobState.RUNNING

    await eventually(begun)


async def times(backend: Backend, job: Job) -> tuple[datetime, datetime]:
    """When the job was begun and ended; it was begun once."""
    done = await backend.until(job.id, JobState.SUCCEEDED)
    assert done.attempt == 1
    assert done.started_at is not None
    assert done.finished_at is not None
    return done.started_at, done.finished_at


async def test_one_stylization_is_begun_ahead_and_no_more(backend: Backend):
    jobs = [await stylization(backend) for _ in range(3)]
    await start(backend)
    began, ended = zip(*[await times(backend, job) for job in jobs], strict=True)
    assert began[1] < ended[0]
    assert began[2] >= began[0] + SLOW  # not before the second is computed
    assert list(ended) == sorted(ended)
    for job in jobs:
        assert len(await backend.results(job.id)) == 1
    assert await backend.broker.next_job(["stylize"], timeout=0) is None


async def test_what_takes_longer_is_neither_begun_ahead_nor_overtaken(backend: Backend):
    photo = await stylization(backend)
    large = await stylization(backend, Image.new("RGB", (1025, 1024), "teal"))
    other = await stylization(backend)
    adaptation = await backend.submit(JobKind.ADAPT, steps=1)
    await start(backend)
    began = {job.id: await times(backend, job) for job in (photo, large, other, adaptation)}
    assert began[other.id][0] >= began[large.id][1]
    assert began[adaptation.id][0] >= began[other.id][0] + SLOW


async def test_the_jobs_of_a_killed_worker_come_again(backend: Backend):
    computed, ahead, waiting = [await stylization(backend) for _ in range(3)]
    await start(backend, step=600)
    await running(backend, ahead)
    assert (await backend.ledger.get(waiting.id)).state is JobState.QUEUED
    backend.workers[0].kill()
    await backend.workers[0].wait()
    await start(backend, step=0)
    assert [
        (await backend.until(job.id, JobState.SUCCEEDED)).attempt for job in (computed, ahead, waiting)
    ] == [
        2,
        2,
        1,
    ]
    for job in (computed, ahead, waiting):
        (row,) = await backend.results(job.id)
        assert await backend.blobs.keys(f"results/{job.id}") == [row.blob_key]


async def test_a_stop_finishes_what_was_begun_and_nothing_else(backend: Backend):
    computed, ahead, waiting = [await stylization(backend) for _ in range(3)]
    await start(backend)
    await running(backend, ahead)
    backend.workers[0].process.send_signal(signal.SIGTERM)
    assert await backend.workers[0].wait() == 0
    states = [(await backend.ledger.get(job.id)).state for job in (computed, ahead, waiting)]
    assert states == [JobState.SUCCEEDED, JobState.SUCCEEDED, JobState.QUEUED]


async def test_a_job_that_was_begun_ahead_can_be_canceled(backend: Backend):
    computed, ahead = [await stylization(backend) for _ in range(2)]
    await start(backend, step=1.5)
    await running(backend, ahead)
    await backend.cancel(ahead.id)
    await backend.until(ahead.id, JobState.CANCELED)
    assert await backend.results(ahead.id) == []
    await backend.until(computed.id, JobState.SUCCEEDED)
