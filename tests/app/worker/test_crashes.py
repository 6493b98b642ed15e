"""What becomes of a job when processes die."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import pytest
from PIL import Image

from app.errors import ErrorCode
from app.jobs.job import JobKind, JobState
from app.worker.failures import DEVICE_LOST
from tests.support.backend import Backend
from tests.support.fake_engine import BASE_HASH, Script
from tests.support.fake_worker import style_bytes
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

TAKEOVER = 15.0  # s; the promise


async def test_the_job_of_a_killed_worker_is_taken_up_by_another(backend: Backend):
    await asyncio.gather(backend.start_worker(), backend.start_worker())
    job = await backend.submit(JobKind.ADAPT, steps=60)
    await backend.until_step(job.id, 3)
    victim = await backend.worker_of(job.id)
    os.kill(victim["pid"], signal.SIGKILL)
    killed = time.monotonic()

    async def taken_up() -> bool:
        return (await backend.ledger.get(job.id)).attempt == 2

    await eventually(taken_up, within=TAKEOVER)
    assert time.monotonic() - killed < TAKEOVER
    done = await backend.until(job.id, JobState.SUCCEEDED)
    assert done.attempt == 2
    states = [e.data for e in await backend.events(job.id) if e.event == "state"]
    assert [(data["state"], data["attempt"]) for data in states] == [
        ("running", 1),
        ("running", 2),
        ("succeeded", 2),
    ]
    style = await backend.style(job.style_id)
    assert await backend.blobs.keys(f"results/{job.id}") == [style.blob_key]


async def test_a_job_that_kills_its_worker_every_time_ends_as_failed(backend: Backend):
    poison = await backend.submit(JobKind.ADAPT, seed=int(Script.KILLS_ITS_WORKER))
    for attempt in (1, 2, 3):
        worker = await backend.launch_worker()
        assert await worker.wait() == -signal.SIGKILL
        assert (await backend.ledger.get(poison.id)).attempt == attempt
    await backend.start_worker()
    failed = await backend.until(poison.id, JobState.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == ErrorCode.POISON_JOB
    assert failed.attempt == 3
    assert (await backend.events(poison.id))[-1].data["state"] == "failed"
    after = await backend.submit(JobKind.ADAPT, steps=1)
    await backend.until(after.id, JobState.SUCCEEDED)


@pytest.mark.parametrize("kind", [JobKind.ADAPT, JobKind.STYLIZE])
async def test_a_worker_whose_device_is_lost_ends_and_fails_no_job(backend: Backend, kind: JobKind):
    style = style_bytes(BASE_HASH)
    what: dict[str, Any] = (
        {"steps": 1}
        if kind is JobKind.ADAPT
        else {"style": style, "contents": [Image.new("RGB", (32, 32))] * 2}
    )
    worker = await backend.start_worker(FEWSTROKE_SCRIPTED_LOST="1")
    jobs = [await backend.submit(kind, **what) for _ in range(2)]
    async with asyncio.timeout(30):
        assert await worker.wait() == DEVICE_LOST
    states = {(await backend.ledger.get(job.id)).state for job in jobs}
    assert states <= {JobState.RUNNING, JobState.QUEUED}
    assert "no longer computes" in worker.log.read_text()
    await backend.start_worker()
    done = [await backend.until(job.id, JobState.SUCCEEDED) for job in jobs]
    assert 2 in {job.attempt for job in done}
    assert [job.result["failures"] for job in done if job.result is not None] == [[], []]


async def test_a_graceful_stop_lets_a_short_job_finish(backend: Backend):
    worker = await backend.start_worker()
    job = await backend.submit(JobKind.ADAPT, steps=20)
    await backend.until_step(job.id, 1)
    worker.terminate()
    assert await worker.wait() == 0
    assert (await backend.ledger.get(job.id)).state is JobState.SUCCEEDED
    assert await backend.broker.workers() == []


async def test_a_graceful_stop_gives_a_long_job_back_uncounted(backend: Backend):
    worker = await backend.start_worker()
    job = await backend.submit(JobKind.ADAPT, steps=1000)
    await backend.until_step(job.id, 1)
    worker.terminate()
    assert await worker.wait() == 0
    released = await backend.ledger.get(job.id)
    assert (released.state, released.attempt) == (JobState.QUEUED, 1)
    delivery = await backend.broker.next_job(
        ["adapt"], timeout=0
    )  # at once: it was given back, not timed out
    assert delivery is not None
    assert delivery.job_id == job.id
    await delivery.nak()
    await backend.start_worker()

    async def runs_again() -> bool:
        return (await backend.ledger.get(job.id)).attempt == 2

    await eventually(runs_again)
    await backend.cancel(job.id)
    await backend.until(job.id, JobState.CANCELED)


async def test_a_second_signal_ends_the_worker_at_once_and_the_job_lives(backend: Backend):
    worker = await backend.start_worker()
    job = await backend.submit(JobKind.ADAPT, steps=60, seed=int(Script.DEAF))
    await backend.until_step(job.id, 1)
    worker.terminate()
    await eventually(lambda: "a second signal" in worker.log.read_text())
    worker.terminate()
    assert await worker.wait() == 130
    await backend.start_worker()
    done = await backend.until(job.id, JobState.SUCCEEDED)
    assert done.attempt == 2


async def test_a_frozen_worker_is_fenced_out_and_leaves_nothing(backend: Backend):
    frozen = await backend.start_worker()
    content = Image.new("RGB", (32, 32))
    job = await backend.submit(JobKind.STYLIZE_ONCE, steps=60, contents=[content], seed=int(Script.DEAF))
    await backend.until_step(job.id, 2)
    os.kill(frozen.pid, signal.SIGSTOP)
    await backend.start_worker()
    done = await backend.until(job.id, JobState.SUCCEEDED)
    assert done.attempt == 2
    kept = await backend.blobs.keys(f"results/{job.id}")

    os.kill(frozen.pid, signal.SIGCONT)  # it does not know, and finishes its attempt
    await eventually(lambda: "attempt 1 was overtaken" in frozen.log.read_text(), within=30)
    assert await backend.blobs.keys(f"results/{job.id}") == kept
    assert len(await backend.results(job.id)) == 1
    assert (await backend.ledger.get(job.id)).result == done.result
    other = await backend.submit(JobKind.ADAPT, steps=1)  # and goes on as a good worker
    await backend.until(other.id, JobState.SUCCEEDED)


async def test_two_workers_do_every_job_once(backend: Backend):
    await asyncio.gather(backend.start_worker(), backend.start_worker())
    content = Image.new("RGB", (32, 32))
    jobs = [await backend.submit(JobKind.STYLIZE_ONCE, steps=1, contents=[content]) for _ in range(12)]
    for job in jobs:
        done = await backend.until(job.id, JobState.SUCCEEDED)
        assert done.attempt == 1
        assert len(await backend.results(job.id)) == 1
    workers = {(await backend.ledger.get(job.id)).worker_id for job in jobs}
    assert len(workers) == 2


async def test_a_broker_restart_in_the_middle_of_a_run_loses_nothing(backend: Backend):
    await backend.start_worker()
    running = await backend.submit(JobKind.ADAPT, steps=60)
    waiting = await backend.submit(JobKind.ADAPT, steps=1)
    await backend.until_step(running.id, 3)
    assert backend.server.pid is not None
    os.kill(backend.server.pid, signal.SIGKILL)
    await backend.server.wait()
    await backend.server.start()
    done = await backend.until(running.id, JobState.SUCCEEDED)
    assert done.attempt == 1
    await backend.until(waiting.id, JobState.SUCCEEDED)
    assert (await backend.events(running.id))[-1].data["state"] == "succeeded"


async def test_an_ended_job_whose_message_came_again_is_announced_and_dropped(backend: Backend):
    job = await backend.submit(JobKind.ADAPT)
    begun = await backend.ledger.begin(job.id, "a worker that dies right after its commit")
    assert begun is not None
    assert await backend.ledger.succeed(job.id, begun.attempt, {})
    await backend.start_worker()
    events = await backend.events(job.id)
    assert [event.data["state"] for event in events] == ["succeeded"]
    assert (await backend.ledger.get(job.id)).attempt == 1
