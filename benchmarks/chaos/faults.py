"""The rows of the table: each makes its fault once, against jobs in flight."""

import asyncio
import json
import os
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import text

from app.infra.broker.topology import job_subject
from app.jobs.job import JobState
from benchmarks.chaos import bad_days, levers
from benchmarks.chaos.bench import Bench, Sent
from benchmarks.chaos.bucket import no_bucket
from benchmarks.chaos.clock import no_clock
from benchmarks.chaos.levers import Clocks, Disk, Postgres
from benchmarks.chaos.proxy import Proxy
from tests.support.fake_engine import FakeEngine, Script

Strike = Callable[[Bench, Any, Random], Awaitable[tuple[list[Sent], bool]]]
"""Makes the fault once; the jobs of the round, and whether the fault met one in flight."""


@dataclass(frozen=True)
class Fault:
    """A row. ``shards``: services among which its rounds are divided."""

    title: str
    strike: Strike
    open: Callable[[Path], AbstractAsyncContextManager[tuple[Bench, Any]]]
    shards: int = 1
    missing: Callable[[], str | None] = lambda: None


async def _in_flight(bench: Bench, sent: Sent) -> bool:
    row = await bench.row(sent.job_id)
    return row is not None and not JobState(row.state).terminal


async def worker_killed_adapting(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """At a random moment of an adaptation of a second, or of its end."""
    sent = await bench.adapt(steps=20)
    return [sent], await _kill_worker_of(bench, sent, rng.uniform(0, 22 * FakeEngine.step_seconds))


async def worker_killed_stylizing(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """At a random moment of a rendering of eight pictures."""
    sent = await bench.stylize(8)
    return [sent], await _kill_worker_of(bench, sent, rng.uniform(0, 10 * FakeEngine.step_seconds))


async def _kill_worker_of(bench: Bench, sent: Sent, after: float) -> bool:
    pid = await bench.until_running(sent.job_id)
    await asyncio.sleep(after)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return await _in_flight(bench, sent)


async def api_killed(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """Half of the time as soon as the job is in the ledger, else at a random moment of the request."""
    before = await asyncio.to_thread(_count_jobs, bench)
    request = asyncio.create_task(bench.adapt(steps=1))
    if rng.random() < 0.5:
        while not request.done() and await asyncio.to_thread(_count_jobs, bench) == before:
            pass
    else:
        await asyncio.sleep(rng.uniform(0, 0.2))
    hit = not request.done()
    for pid in bench.service.pids("api"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [await request], hit


def _count_jobs(bench: Bench) -> int:
    path = bench.settings.data_dir / "fewstroke.db"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])
    finally:
        connection.close()


async def broker_killed(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """While one job runs, others wait and one is submitted."""
    sent = [await bench.adapt(steps=15) for _ in range(3)]
    await asyncio.sleep(rng.uniform(0, 1.0))
    late = asyncio.create_task(bench.adapt(steps=1))
    await asyncio.sleep(rng.uniform(0, 0.1))
    for pid in bench.service.pids("broker"):
        os.kill(pid, signal.SIGKILL)
    hit = any([await _in_flight(bench, job) for job in sent])
    return [*sent, await late], hit


async def sqlite_locked(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """Somebody else holds SQLite's write lock for 5 s; a job ends and one is submitted meanwhile."""
    sent = await bench.adapt(steps=10)
    await asyncio.sleep(rng.uniform(0, 0.5))
    release = await asyncio.to_thread(_lock, bench.settings.data_dir / "fewstroke.db")
    hit = await _in_flight(bench, sent)
    late = asyncio.create_task(bench.adapt(steps=1))
    await asyncio.sleep(5.0)
    release()
    return [sent, await late], hit


def _lock(path: Path) -> Callable[[], None]:
    connection = sqlite3.connect(path, timeout=15, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")

    def release() -> None:
        connection.execute("ROLLBACK")
        connection.close()

    return release


async def postgres_locked(bench: Bench, _: Postgres, rng: Random) -> tuple[list[Sent], bool]:
    """Somebody else locks the table of jobs for 5 s, even against reading."""
    sent = await bench.adapt(steps=10)
    await asyncio.sleep(rng.uniform(0, 0.5))
    hit = await _in_flight(bench, sent)
    async with bench.sessions.begin() as session:
        await session.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
        late = asyncio.create_task(bench.adapt(steps=1))
        await asyncio.sleep(5.0)
    return [sent, await late], hit


async def postgres_restarted(bench: Bench, server: Postgres, rng: Random) -> tuple[list[Sent], bool]:
    """Crash and recovery while a job runs, one waits and one is submitted."""
    sent = [await bench.adapt(steps=15) for _ in range(3)]
    await asyncio.sleep(rng.uniform(0, 0.8))
    hit = any([await _in_flight(bench, job) for job in sent])
    late = asyncio.create_task(bench.adapt(steps=1))
    await asyncio.sleep(rng.uniform(0, 0.1))
    await server.restart()
    return [*sent, await late], hit


async def disk_full_at_upload(bench: Bench, disk: Disk, rng: Random) -> tuple[list[Sent], bool]:
    """Full from a random moment just before or in the request on, for a second or two."""
    early, seconds = rng.random() < 0.5, rng.uniform(0.5, 2.0)
    if early:
        full = asyncio.create_task(disk.stay_full(seconds))
        await asyncio.sleep(0.05)
        request = asyncio.create_task(bench.stylize(4))
    else:
        request = asyncio.create_task(bench.stylize(4))
        await asyncio.sleep(rng.uniform(0, 0.06))
        full = asyncio.create_task(disk.stay_full(seconds))
    await full
    hit = not request.done()  # it has outlived the fault
    return [await request], hit


async def disk_full_at_result(bench: Bench, disk: Disk, rng: Random) -> tuple[list[Sent], bool]:
    """Full while a rendering runs and wants to store what it made."""
    sent = await bench.stylize(6)
    await bench.until_running(sent.job_id)
    await disk.stay_full(rng.uniform(0.5, 2.5))
    return [sent], await _in_flight(bench, sent)


async def poison_job(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """A job that kills every worker ends as failed; its neighbours succeed."""
    good = [await bench.adapt(steps=1)]
    poison = await bench.adapt(steps=4, seed=Script.KILLS_ITS_WORKER, expected=JobState.FAILED)
    await asyncio.sleep(rng.uniform(0, 1.0))
    good.append(await bench.adapt(steps=1))
    return [*good, poison], True


async def two_workers_race(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """The ticket is in the queue twice; or the worker is frozen until another has begun, and thawed."""
    sent = await bench.adapt(steps=20)
    if rng.random() < 0.5:
        await _publish_again(bench, sent)
        await asyncio.sleep(0.5)
        row = await bench.row(sent.job_id)
        return [sent], row is not None and row.attempt > 1
    pid = await bench.until_running(sent.job_id)
    os.kill(pid, signal.SIGSTOP)
    taken = time.monotonic() + 20
    row = await bench.row(sent.job_id)
    while row is not None and row.attempt < 2 and time.monotonic() < taken:
        await asyncio.sleep(0.05)
        row = await bench.row(sent.job_id)
    await asyncio.sleep(rng.uniform(0, 1.2))
    os.kill(pid, signal.SIGCONT)
    return [sent], row is not None and row.attempt > 1


async def _publish_again(bench: Bench, sent: Sent) -> None:
    row = await bench.row(sent.job_id)
    assert row is not None
    client = await bench.queue()
    payload = json.dumps({"job_id": sent.job_id, "ticket": row.ticket}).encode()
    await client.jetstream().publish(job_subject(row.lane), payload)  # without an id: not deduplicated
    await client.close()


async def partition(bench: Bench, proxy: Proxy, rng: Random) -> tuple[list[Sent], bool]:
    """The worker of a job hears nothing from the broker for 1 to 9 s, and nobody hears the worker."""
    sent = await bench.adapt(steps=20)
    pid = await bench.until_running(sent.job_id)
    await asyncio.sleep(rng.uniform(0, 1.0))
    with suppress(ProcessLookupError):
        proxy.cut_off(pid)
    hit = await _in_flight(bench, sent)
    await asyncio.sleep(rng.uniform(1.0, 9.0))
    proxy.join()
    return [sent], hit


async def clock_jumps(bench: Bench, clocks: Clocks, rng: Random) -> tuple[list[Sent], bool]:
    """The wall clock of API, workers or both jumps by up to 12 hours, ahead or back, and later home again.
    Jobs run, wait and are submitted meanwhile, and sometimes the API is killed under the wrong time."""
    sent = [await bench.adapt(steps=15), await bench.stylize(2)]
    await asyncio.sleep(rng.uniform(0, 1.0))
    hit = any([await _in_flight(bench, job) for job in sent])
    jumping = rng.choice([[clocks.api], [clocks.workers], [clocks.api, clocks.workers]])
    for clock in jumping:
        clock.jump(rng.choice([-1, 1]) * rng.randint(600, 12 * 3600))
    late = [asyncio.create_task(bench.adapt(steps=rng.randint(1, 15))) for _ in range(2)]
    await asyncio.sleep(rng.uniform(0, 0.15))
    if rng.random() < 0.5:
        for pid in bench.service.pids("api"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(rng.uniform(0, 2.5))
    for clock in jumping:
        clock.jump(0)
    return [*sent, *[await job for job in late]], hit


FAULTS: dict[str, Fault] = {
    "worker-adapting": Fault(
        "SIGKILL of the worker in an adaptation", worker_killed_adapting, levers.without_lever, 2
    ),
    "worker-stylizing": Fault(
        "SIGKILL of the worker in a stylization", worker_killed_stylizing, levers.without_lever, 2
    ),
    "api": Fault("SIGKILL of the API between accepting and answering", api_killed, levers.without_lever, 3),
    "broker": Fault("SIGKILL of the broker", broker_killed, levers.without_lever),
    "sqlite-locked": Fault("SQLite locked for 5 s", sqlite_locked, levers.without_lever, 2),
    "postgres-locked": Fault(
        "PostgreSQL: the table of jobs locked for 5 s",
        postgres_locked,
        levers.on_postgres,
        2,
        levers.no_postgres,
    ),
    "postgres-restarted": Fault(
        "PostgreSQL crashed and restarted", postgres_restarted, levers.on_postgres, 1, levers.no_postgres
    ),
    "disk-upload": Fault(
        "disk full during an upload", disk_full_at_upload, levers.on_small_disk, 1, levers.no_disk
    ),
    "disk-result": Fault(
        "disk full during result writing", disk_full_at_result, levers.on_small_disk, 2, levers.no_disk
    ),
    "poison": Fault("a job that kills its workers", poison_job, levers.without_lever, 4),
    "race": Fault("two workers race for one job", two_workers_race, levers.without_lever, 2),
    "clock": Fault(
        "the wall clock jumps by up to 12 hours and back", clock_jumps, levers.with_clocks, 2, no_clock
    ),
    "partition": Fault("partition between worker and broker", partition, levers.with_proxy, 2),
    "hanging": Fault("a worker's compute thread hangs", bad_days.worker_hangs, levers.with_short_patience, 2),
    "other-checkpoint": Fault(
        "a worker of another checkpoint joins", bad_days.other_checkpoint, levers.without_lever
    ),
    "bucket": Fault("S3 refuses with 403 or 503", bad_days.bucket_refuses, levers.on_bucket, 2, no_bucket),
    "torn": Fault("SQLite overwritten, and a backup put back", bad_days.database_torn, levers.without_lever),
    "restored": Fault("an older backup put back", bad_days.backup_restored, levers.without_lever),
}
