"""Jobs that a worker computes together: every one has its own life and its own end."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from app.errors import ErrorCode
from app.jobs.job import Job, JobKind, JobState
from tests.support.backend import Backend, running_backend
from tests.support.fake_engine import BASE_HASH, TOO_LARGE, Script
from tests.support.fake_worker import style_bytes
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    """One worker that takes up to three jobs at once."""
    async with running_backend(tmp_path_factory.mktemp("backend")) as running:
        await running.start_worker(FEWSTROKE_MAX_BATCH="3")
        yield running


class Busy:
    """The worker is kept busy meanwhile, so that what is submitted inside waits for it together."""

    def __init__(self, backend: Backend, *, photos: bool = False) -> None:
        self._plant = backend
        self._photos = photos  # are what is submitted: they would not wait for a style that is learned

    async def __aenter__(self) -> None:
        if self._photos:
            many = [Image.new("RGB", (16, 16))] * 500
            self._job = await self._plant.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=many)
        else:
            self._job = await self._plant.submit(JobKind.ADAPT, steps=1000)
        await self._plant.until_step(self._job.id, 1)

    async def __aexit__(self, *_: object) -> None:
        await self._plant.cancel(self._job.id)


async def batch_of(backend: Backend, job: Job) -> int:
    done = await backend.until(job.id, JobState.SUCCEEDED)
    assert done.result is not None
    assert done.attempt == 1
    return int(done.result["batch"])


async def test_jobs_that_wait_are_computed_together_and_nobody_is_passed_over(backend: Backend):
    async with Busy(backend):
        jobs = [
            await backend.submit(JobKind.ADAPT, steps=steps, seed=steps) for steps in (4, 4, 7, 4, 4, 4, 4)
        ]
    # Two of four steps; one whose steps are others, alone; then three, the most; then one that was left.
    assert [await batch_of(backend, job) for job in jobs] == [2, 2, 1, 3, 3, 3, 1]
    for job in jobs:
        events = await backend.events(job.id)
        assert [e.data["state"] for e in events if e.event == "state"] == ["running", "succeeded"]
        progress = [e.data["step"] for e in events if e.event == "progress"]
        assert progress == list(range(job.params["steps"] + 1))
        style = await backend.style(job.style_id)
        assert style.header is not None
        assert style.header["seed"] == job.params["seed"]
    assert await backend.broker.next_job(["adapt"], timeout=0) is None


async def test_owners_take_turns_in_a_batch_too(backend: Backend):
    async with Busy(backend):
        many = [await backend.submit(JobKind.ADAPT, steps=2, owner="many") for _ in range(4)]
        one = await backend.submit(JobKind.ADAPT, steps=2, owner="one")
    for job in (*many, one):
        await batch_of(backend, job)
    began = {job.id: (await backend.ledger.get(job.id)).started_at for job in (*many, one)}
    assert sorted(began, key=lambda job_id: str(began[job_id])).index(one.id) == 1  # right after the first


async def test_a_cancel_takes_one_out_of_the_batch(backend: Backend):
    async with Busy(backend):
        jobs = [await backend.submit(JobKind.ADAPT, steps=60) for _ in range(3)]
    await backend.until_step(jobs[1].id, 2)
    worker = await backend.worker_of(jobs[2].id)
    assert set(worker["jobs"]) == {job.id for job in jobs}
    await backend.cancel(jobs[1].id)
    canceled = await backend.until(jobs[1].id, JobState.CANCELED)
    assert canceled.attempt == 1
    assert (await backend.ledger.get(jobs[0].id)).state is JobState.RUNNING
    assert [await batch_of(backend, job) for job in (jobs[0], jobs[2])] == [3, 3]


async def test_a_job_that_raises_fails_alone(backend: Backend):
    async with Busy(backend):
        seeds = [1, int(Script.BUG), 2]
        jobs = [await backend.submit(JobKind.ADAPT, steps=2, seed=seed) for seed in seeds]
    failed = await backend.until(jobs[1].id, JobState.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == ErrorCode.INTERNAL_ERROR
    assert failed.attempt == 1
    assert [await batch_of(backend, job) for job in (jobs[0], jobs[2])] == [3, 3]


async def test_a_batch_that_does_not_fit_into_memory_is_halved(backend: Backend):
    async with Busy(backend):
        jobs = [await backend.submit(JobKind.ADAPT, steps=2, seed=int(Script.NEEDS_ROOM)) for _ in range(3)]
    assert [await batch_of(backend, job) for job in jobs] == [3, 3, 3]
    (worker,) = backend.workers
    assert "3 together failed; now in halves" in worker.log.read_text()


async def test_a_job_whose_input_is_gone_does_not_hold_up_the_others(backend: Backend):
    async with Busy(backend):
        lost = await backend.create(JobKind.ADAPT, steps=2)
        await backend.blobs.delete(await backend.blobs.keys("uploads"))
        await backend.broker.publish_job(lost.lane, lost.ticket)
        other = await backend.submit(JobKind.ADAPT, steps=2)
    failed = await backend.until(lost.id, JobState.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == ErrorCode.INPUT_MISSING
    assert await batch_of(backend, other) == 1


async def test_pictures_of_several_jobs_and_sizes_come_back_to_their_own(backend: Backend):
    first = [Image.new("RGB", (40, 30), (level, 0, 0)) for level in (10, 20)]
    bad = Image.new("RGB", TOO_LARGE)
    other = Image.new("RGB", (40, 30), (0, 30, 0))
    async with Busy(backend, photos=True):
        one = await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[first[0], bad])
        two = await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[other])
        three = await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=first)
    # Three pictures make a batch: those of the first two jobs.
    assert [await batch_of(backend, job) for job in (one, two, three)] == [2, 2, 1]
    done = (await backend.ledger.get(one.id)).result
    assert done is not None
    assert [failure["code"] for failure in done["failures"]] == [ErrorCode.OUT_OF_MEMORY]
    colours = {
        job.id: [(await backend.picture(row)).getpixel((0, 0)) for row in await backend.results(job.id)]
        for job in (one, two, three)
    }
    assert colours == {
        one.id: [(245, 255, 255)],
        two.id: [(255, 225, 255)],
        three.id: [(245, 255, 255), (235, 255, 255)],
    }


async def test_a_job_that_kills_its_worker_takes_others_along_once_at_most(tmp_path: Path):
    async with running_backend(tmp_path) as backend:
        poison = await backend.submit(JobKind.ADAPT, steps=4, seed=int(Script.KILLS_ITS_WORKER))
        others = [await backend.submit(JobKind.ADAPT, steps=4) for _ in range(2)]
        victim = await backend.launch_worker(FEWSTROKE_MAX_BATCH="3")
        assert await victim.wait() == -signal.SIGKILL
        assert [(await backend.ledger.get(job.id)).attempt for job in (poison, *others)] == [1, 1, 1]

        async def survived() -> bool:
            if backend.workers[-1].process.returncode is not None:  # as the supervisor does
                await backend.launch_worker(FEWSTROKE_MAX_BATCH="3")
            found = [await backend.ledger.get(job.id) for job in others]
            return all(job.state is JobState.SUCCEEDED for job in found)

        await eventually(survived, within=90)
        for job in others:
            done = await backend.ledger.get(job.id)
            assert done.attempt == 2
            assert done.result is not None
            assert done.result["batch"] == 1
        assert (await backend.ledger.get(poison.id)).state is not JobState.SUCCEEDED


async def test_a_job_that_comes_soon_enough_joins_the_one_that_waits(tmp_path: Path):
    async with running_backend(tmp_path) as backend:
        await backend.start_worker(FEWSTROKE_MAX_BATCH="2", FEWSTROKE_BATCH_WAIT_MS="10000")
        first = await backend.submit(JobKind.ADAPT, steps=2)
        await backend.until(first.id, JobState.RUNNING)
        second = await backend.submit(JobKind.ADAPT, steps=2)
        assert [await batch_of(backend, job) for job in (first, second)] == [2, 2]
