"""Who joins a batch, how long it waits, where its members meet, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.jobs.job import Job, JobKind, JobState
from app.jobs.lanes import lane_of
from app.worker.batch_barrier import BatchBarrier
from app.worker.batching import BatchAdmission, BatchPolicy
from app.worker.failures import split_on_failure
from app.worker.inflight import InflightBatch
from app.worker.inputs import JobInputs
from app.worker.results import Outcome
from app.worker.work_item import Done, WorkItem

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(kind: JobKind = JobKind.ADAPT, *, attempt: int = 1, name: str = "job_1", **params: Any) -> Job:
    lane = lane_of(kind, params)
    return Job(
        name,
        kind,
        JobState.RUNNING,
        attempt,
        params,
        None,
        None,
        None,
        "local",
        lane,
        name,
        0,
        NOW,
        NOW,
        None,
    )


def admission(first: Job, most: int = 4, wait: float = 0.0) -> BatchAdmission:
    return BatchAdmission(first, BatchPolicy(most, wait), default_steps=24)


def test_only_alike_and_unharmed_jobs_join_up_to_the_limit():
    found = admission(job(steps=24), most=3)
    assert not found.fits(JobKind.STYLIZE_ONCE, "image", {}, True)
    assert not found.fits(JobKind.ADAPT, "image", {"steps": 10}, True)
    assert not found.fits(JobKind.ADAPT, "image", {"steps": 24}, False)
    assert not found.fits(JobKind.ADAPT, "music", {"steps": 24}, True)
    assert found.fits(JobKind.ADAPT, "image", {"steps": None}, True)  # the default is 24
    assert found.open
    assert found.fits(JobKind.ADAPT, "image", {"steps": 24}, True)
    assert not found.open
    assert not found.fits(JobKind.ADAPT, "image", {"steps": 24}, True)


def test_pictures_count_and_batches_of_pictures_are_no_company():
    found = admission(job(JobKind.STYLIZE, contents=["a", "b"]))
    assert not found.fits(JobKind.STYLIZE, "image", {"contents": ["c", "d", "e"]}, True)
    assert found.fits(JobKind.STYLIZE, "image", {"contents": ["c", "d"]}, True)
    assert not found.open
    assert not admission(job(JobKind.STYLIZE, contents=list("abcde")), most=64).open
    assert not admission(job(attempt=2)).open


def test_a_job_that_was_given_back_is_as_good_as_new():
    released = replace(job(attempt=3), releases=2)
    assert admission(released).open
    with ThreadPoolExecutor() as executor:
        batch = BatchBarrier(lambda works, done: None, executor)
        assert InflightBatch(batch, jobs=[released]).unharmed
        assert not InflightBatch(batch, jobs=[released, job(attempt=2)]).unharmed


@pytest.mark.parametrize(("waited", "left"), [(0.0, 0.2), (0.15, 0.05), (60.0, 0.0), (-5.0, 0.2)])
def test_the_window_ends_a_while_after_the_job_was_made(waited: float, left: float):
    assert admission(job(), wait=0.2).patience(NOW + timedelta(seconds=waited)) == pytest.approx(left)


@pytest.mark.parametrize(("device", "most", "found"), [("cpu", 0, 1), ("cuda:1", 0, 16), ("cpu", 5, 5)])
def test_the_default_size_goes_by_the_device(device: str, most: int, found: int):
    assert BatchPolicy.of(most, 0.0, device).most == found


def test_what_fails_together_is_tried_in_halves_or_one_by_one():
    tried: list[list[int]] = []

    def run(items: Sequence[int]) -> list[int]:
        tried.append(list(items))
        if len(items) > 2:
            raise MemoryError
        if 3 in items:
            raise ZeroDivisionError
        return [10 * item for item in items]

    results = split_on_failure([1, 2, 3, 4, 5], run)
    assert tried == [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2], [3], [4, 5]]
    assert [result for result in results if not isinstance(result, Exception)] == [10, 20, 40, 50]
    assert isinstance(results[2], ZeroDivisionError)


async def meet(stragglers: float, late: asyncio.Event) -> list[list[str]]:
    """Three are expected: one arrives, one leaves, one arrives after ``late`` was set."""
    runs: list[list[str]] = []

    def compute(works: Sequence[WorkItem], done: Done) -> None:
        runs.append([work.job.id for work in works])
        for position in range(len(works)):
            done(position, Outcome(steps=position, seconds=0))
        late_loop.call_soon_threadsafe(late.set)

    late_loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as executor:
        batch = BatchBarrier(compute, executor, stragglers=stragglers)
        for _ in range(3):
            batch.expect()
        batch.close()

        async def arrive(name: str, *, wait: bool = False) -> Outcome:
            if wait:
                await late.wait()
            work = WorkItem(job(name=name), JobInputs([], []), lambda _step: None, lambda: False)
            return await batch.compute(work)

        async with asyncio.timeout(10):
            members = [asyncio.create_task(arrive("one")), asyncio.create_task(arrive("two", wait=True))]
            batch.leave()
            await asyncio.gather(*members)
    return runs


async def test_a_batch_runs_once_when_everybody_has_come_or_left():
    there = asyncio.Event()
    there.set()
    assert await meet(60.0, there) == [["one", "two"]]


async def test_who_comes_too_late_is_computed_alone():
    assert await meet(0.0, asyncio.Event()) == [["one"], ["two"]]


async def test_what_the_run_raises_reaches_everybody():
    def compute(works: Sequence[WorkItem], done: Done) -> None:
        done(0, Outcome(steps=1, seconds=0))
        raise ZeroDivisionError

    with ThreadPoolExecutor(1) as executor:
        batch = BatchBarrier(compute, executor)
        works = [WorkItem(job(name=name), JobInputs([], []), lambda _s: None, lambda: False) for name in "ab"]
        batch.expect()
        batch.expect()
        batch.close()
        first, second = await asyncio.gather(*(batch.compute(work) for work in works), return_exceptions=True)
    assert isinstance(first, Outcome)
    assert isinstance(second, ZeroDivisionError)
