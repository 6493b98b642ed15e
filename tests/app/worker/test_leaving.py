"""A worker that was told to stop ends, whatever else lives in its process."""

from __future__ import annotations

import asyncio

import pytest

from app.jobs.job import JobKind, JobState
from tests.support.backend import Backend
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

_STUCK = """
import asyncio, threading, time
from PIL import Image
import app.worker.main as main
from app.infra.logs import configure_logging
from app.settings import load_settings
from tests.support.fake_engine import FakeEngine

async def deaf():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass  # what a library does that loses a cancellation

async def run():
    if {task}:
        main.stuck = asyncio.create_task(deaf())
    engine = FakeEngine()
    await main.serve(load_settings(), main.Loaded(engine, engine.read_style, None, "cpu"))

main._LEAVE = 1.0
configure_logging()
if not {task}:
    threading.Thread(target=time.sleep, args=(3600,), name="stuck").start()
asyncio.run(run())
"""


_HANGS = """
import asyncio, threading
import app.worker.main as main
from app.infra.logs import configure_logging
from app.settings import load_settings
from tests.support.fake_engine import FakeEngine

class Hanging(FakeEngine):
    def adapt_many(self, requests, **how):
        threading.Event().wait()  # as a GPU does that never answers

main._STOP = 1.0
configure_logging()
engine = Hanging()
asyncio.run(main.serve(load_settings(), main.Loaded(engine, engine.read_style, None, "cpu")))
"""


async def _ends(backend: Backend, script: str) -> None:
    worker = await backend.start_worker("-c", script)
    job = await backend.submit(JobKind.ADAPT, steps=1)
    await backend.until(job.id, JobState.SUCCEEDED)
    worker.terminate()
    async with asyncio.timeout(60):
        await worker.wait()
    text = worker.log.read_text()
    assert "has stopped" in text
    assert "Timeout" in text, "it says where it hung"
    assert await backend.broker.workers() == []


async def test_a_thread_that_never_ends(backend: Backend):
    await _ends(backend, _STUCK.format(task=False))


async def test_a_task_that_never_ends(backend: Backend):
    await _ends(backend, _STUCK.format(task=True))


async def test_a_computation_that_never_ends(backend: Backend) -> None:
    worker = await backend.start_worker("-c", _HANGS)
    job = await backend.submit(JobKind.ADAPT, steps=1)
    await backend.until(job.id, JobState.RUNNING)
    worker.terminate()
    async with asyncio.timeout(30):
        await worker.wait()
    text = worker.log.read_text()
    assert "has stopped" not in text
    assert "in adapt_many" in text, "it says where it hung"
    await backend.start_worker()
    assert (await backend.until(job.id, JobState.SUCCEEDED)).attempt == 2


async def test_what_was_given_back_does_not_count_when_storage_fails(backend: Backend) -> None:
    job = await backend.create(JobKind.ADAPT, steps=1)
    for _ in range(2):
        begun = await backend.ledger.begin(job.id, "a worker that leaves")
        assert begun is not None
        assert await backend.ledger.release(job.id, begun.attempt)
    (key, *_) = await backend.blobs.keys("uploads")
    whole = await backend.blobs.get(key)
    await backend.blobs.put(key, b"what a storage in trouble gives")
    await backend.broker.publish_job(job.lane, job.ticket)
    worker = await backend.start_worker()
    await eventually(lambda: "could not read its inputs" in worker.log.read_text())
    await backend.blobs.put(key, whole)
    done = await backend.until(job.id, JobState.SUCCEEDED)
    assert (done.attempt > 3, done.releases) == (True, 2)
