"""Photos in finished styles while another style is learned: computed between two of its steps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from app.jobs.job import Job, JobKind, JobState
from app.worker.preemption import Preemption
from model.pause import at_pauses, pause
from tests.support.backend import Backend, running_backend
from tests.support.fake_engine import BASE_HASH
from tests.support.fake_worker import style_bytes
from tests.support.waiting import eventually

PHOTO = Image.new("RGB", (64, 48), "teal")


def test_short_runs_are_called_where_the_long_one_gives_way_and_before_it_ends() -> None:
    preemption, called = Preemption(at_once=2), list[Any]()
    assert preemption.offer(lambda: called.append("nobody would call this")) is None
    preemption.begin()
    early = preemption.offer(lambda: called.append("before it has the thread"))
    with preemption.during():
        runs = [preemption.offer(lambda n=n: called.append(n)) for n in range(4)]  # type: ignore[misc]
        assert called == []
        preemption.give_way()
        assert called == ["before it has the thread", 0], "so many at a time, that the long run goes on"
        called.append("a step")
        preemption.give_way()
        last = preemption.offer(lambda: called.append("last"))
    assert called == ["before it has the thread", 0, "a step", 1, 2, 3, "last"]
    assert all(run is not None and run.done() for run in [early, *runs, last])
    assert preemption.offer(lambda: None) is None


def test_an_error_of_a_short_run_is_its_own() -> None:
    preemption = Preemption()

    def fail() -> None:
        raise ZeroDivisionError

    preemption.begin()
    with preemption.during():
        run = preemption.offer(fail)
        preemption.give_way()
    assert run is not None
    assert isinstance(run.exception(), ZeroDivisionError)


def test_what_was_canceled_is_not_called() -> None:
    preemption, called = Preemption(), list[str]()
    preemption.begin()
    with preemption.during():
        run = preemption.offer(lambda: called.append("canceled"))
        assert run is not None
        run.cancel()
    assert called == []


def test_short_runs_are_called_although_the_long_one_fails() -> None:
    preemption, called = Preemption(), list[str]()

    preemption.begin()

    def learn() -> None:
        with preemption.during():
            preemption.offer(lambda: called.append("yes"))
            raise MemoryError

    with pytest.raises(MemoryError):
        learn()
    assert called == ["yes"]


def test_what_is_called_at_a_pause_has_no_pauses() -> None:
    depth: list[int] = []

    def call() -> None:
        depth.append(len(depth))
        pause()

    pause()  # nobody said what happens
    with at_pauses(call):
        pause()
        pause()
    pause()
    assert depth == [0, 1]


@pytest_asyncio.fixture
async def backend(tmp_path: Path) -> AsyncIterator[Backend]:
    async with running_backend(tmp_path / "data") as running:
        yield running


async def learning(backend: Backend, steps: int, step: float = 0.1) -> Job:
    """An adaptation that has begun, on the only worker."""
    job = await backend.submit(JobKind.ADAPT, steps=steps)
    await backend.start_worker(FEWSTROKE_SCRIPTED_STEP=str(step))

    async def begun() -> bool:
        return (await backend.ledger.get(job.id)).state is JobState.RUNNING

    await eventually(begun)
    return job


async def photo(backend: Backend, image: Image.Image = PHOTO) -> Job:
    return await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[image])


async def test_a_photo_does_not_wait_for_a_style_that_is_learned(backend: Backend) -> None:
    adaptation = await learning(backend, steps=10_000)
    for _ in range(3):
        job = await photo(backend)
        done = await backend.until(job.id, JobState.SUCCEEDED)
        assert done.attempt == 1
        assert len(await backend.results(job.id)) == 1
    assert (await backend.ledger.get(adaptation.id)).state is JobState.RUNNING
    await backend.cancel(adaptation.id)
    await backend.until(adaptation.id, JobState.CANCELED)


async def test_a_style_is_learned_beside_any_number_of_photos(backend: Backend) -> None:
    adaptation = await learning(backend, steps=8)
    photos = [await photo(backend) for _ in range(30)]
    learned = await backend.until(adaptation.id, JobState.SUCCEEDED)
    done = [await backend.until(job.id, JobState.SUCCEEDED) for job in photos]
    assert learned.finished_at is not None
    assert any(job.finished_at and job.finished_at < learned.finished_at for job in done)
    assert all(job.attempt == 1 for job in [learned, *done])


async def test_a_large_photo_waits_for_the_style(backend: Backend) -> None:
    adaptation = await learning(backend, steps=10)
    large = await photo(backend, Image.new("RGB", (1100, 1000), "teal"))
    done = await backend.until(large.id, JobState.SUCCEEDED)
    learned = await backend.until(adaptation.id, JobState.SUCCEEDED)
    assert done.finished_at is not None
    assert learned.finished_at is not None
    assert done.finished_at > learned.finished_at


async def test_a_killed_worker_loses_neither(backend: Backend) -> None:
    adaptation = await learning(backend, steps=10_000)
    job = await photo(backend)
    await backend.until(job.id, JobState.SUCCEEDED)
    backend.workers[0].kill()
    await backend.workers[0].wait()
    other = await photo(backend)
    await backend.start_worker(FEWSTROKE_SCRIPTED_STEP="0.01")
    assert (await backend.until(other.id, JobState.SUCCEEDED)).attempt == 1

    async def begun_again() -> bool:
        return (await backend.ledger.get(adaptation.id)).attempt == 2

    await eventually(begun_again)
    await backend.cancel(adaptation.id)
    await backend.until(adaptation.id, JobState.CANCELED)
