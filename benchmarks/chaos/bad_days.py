"""Rows of the table about what does not crash: it hangs, differs, refuses, is torn, or is put back."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from benchmarks.chaos.bench import Bench, Patience, Sent
from benchmarks.chaos.bucket import Bucket
from benchmarks.errors import BenchmarkError
from benchmarks.stub.service import ready
from tests.support.fake_engine import Script

_OTHER_BASE = "ab" * 32
_PAGE = 4096  # bytes of SQLite


async def worker_hangs(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """One job hangs its worker once and succeeds, one hangs every worker and fails, one hangs and is
    canceled; a neighbour succeeds."""
    seed = Script.HANGS_ONCE + rng.randrange(10**6)
    mark = bench.settings.data_dir / f"hung-{seed}"
    once = await bench.adapt(steps=4, seed=seed)
    always = await bench.adapt(steps=4, seed=Script.HANGS_ITS_WORKER, expected="failed")
    unwanted = await bench.adapt(steps=4, seed=Script.HANGS_ITS_WORKER, expected="canceled")
    neighbour = await bench.adapt(steps=1)
    await bench.until_running(once.job_id)
    await asyncio.sleep(rng.uniform(0, 2.0))
    (await bench.http.post(f"/v1/jobs/{unwanted.job_id}/cancel")).raise_for_status()
    await _until(lambda: asyncio.to_thread(mark.exists))
    return [once, always, unwanted, neighbour], True


async def other_checkpoint(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """A worker of another checkpoint joins, and for a while it is the only one: the service says so, and none
    of its jobs goes there."""
    foreign = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.run_fake_worker", _OTHER_BASE),
        env={**os.environ, "FEWSTROKE_DATA_DIR": str(bench.settings.data_dir)},
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _until(lambda: _is_named(bench, foreign.pid))
        sent = [await bench.adapt(steps=10), await bench.stylize(2)]
        await asyncio.sleep(rng.uniform(0, 1.0))
        for pid in bench.service.pids("worker"):  # they are started again; the other one has its chance
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        sent.append(await bench.adapt(steps=1))
        for each in sent:
            if await bench.until_running(each.job_id) == foreign.pid:
                raise BenchmarkError(f"{each.job_id} went to the worker of another checkpoint")
        await asyncio.sleep(rng.uniform(0, 1.0))
    finally:
        with suppress(ProcessLookupError):
            foreign.kill()
        await foreign.wait()
    return sent, True


async def _is_named(bench: Bench, pid: int) -> bool:
    """Whether `/readyz` names the worker of this process as one of another base."""
    answer = await bench.http.get("/readyz")
    return f"-{pid}-" in json.dumps(answer.json().get("details", {}))


async def bucket_refuses(bench: Bench, bucket: Bucket, rng: Random) -> tuple[list[Sent], bool]:
    """403 or 503 for seconds: while a rendering wants to read and store, and one is submitted."""
    sent = [await bench.stylize(4), await bench.adapt(steps=5)]
    await asyncio.sleep(rng.uniform(0, 1.5))
    before, bucket.refusal = bucket.refused, rng.choice((403, 503))
    late = asyncio.create_task(bench.stylize(2))
    await asyncio.sleep(rng.uniform(1.0, 6.0))
    bucket.refusal = None
    sent.append(await late)
    return sent, bucket.refused > before


async def database_torn(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """Pages of the database are overwritten while jobs run, wait and are submitted; the service says that it
    is not ready, and a backup of a moment before is put back."""
    sent = [await bench.adapt(steps=15), await bench.adapt(steps=2), await bench.stylize(2)]
    await asyncio.sleep(rng.uniform(0, 1.0))
    backup = await _back_up(bench)
    await asyncio.to_thread(_tear, bench.settings.data_dir / "fewstroke.db")
    late = asyncio.create_task(bench.adapt(steps=1))  # is told to come again until there is a database
    await _until(lambda: _is_damaged(bench))
    await _put_back(bench, backup)
    return [*sent, await late], True


async def backup_restored(bench: Bench, _: None, rng: Random) -> tuple[list[Sent], bool]:
    """A backup is put back that is older than what the queue and the pictures know: jobs that it names come
    to their end, once; those that came later are gone, as docs/backup.md says, and leave nothing."""
    sent = [await bench.adapt(steps=rng.randint(1, 15)), await bench.stylize(2), await bench.adapt(steps=1)]
    await asyncio.sleep(rng.uniform(0, 1.5))
    backup = await _back_up(bench)
    later = [await bench.adapt(steps=1), await bench.stylize(1)]
    await asyncio.sleep(rng.uniform(0, 2.0))  # some of both have ended meanwhile
    await _put_back(bench, backup)
    for each in later:
        if await bench.row(each.job_id) is not None:
            raise BenchmarkError(f"{each.job_id} came after the backup, and is there")
    bench.sent -= len(later)
    return sent, True


async def _back_up(bench: Bench) -> Path:
    folder = bench.settings.data_dir.parent / f"backup-{bench.sent}"
    await _command("backup", str(folder), "--data-dir", str(bench.settings.data_dir))
    return folder


async def _put_back(bench: Bench, backup: Path) -> None:
    await bench.service.stop()
    await bench.forget_database()
    await _command("restore", str(backup), "--data-dir", str(bench.settings.data_dir))
    await bench.service.start()
    await ready(bench.service)
    bench.http.base_url = bench.service.url
    await asyncio.to_thread(shutil.rmtree, backup)


async def _command(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise BenchmarkError(f"fewstroke {arguments[0]}: {said.decode(errors='replace')}")


def _tear(path: Path) -> None:
    """Overwrite every page but the first in the file and in its journal, as a failing disk may."""
    for file in (path, path.with_name(f"{path.name}-wal")):
        size = file.stat().st_size if file.is_file() else 0
        with file.open("r+b") as pages:
            pages.seek(_PAGE)
            pages.write(b"\x5a" * max(0, size - _PAGE))


async def _is_damaged(bench: Bench) -> bool:
    answer = await bench.http.get("/readyz")
    missing = answer.json().get("missing", {})
    return answer.status_code == 503 and missing.get("database") == "damaged"


async def _until(seen: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(Patience.seconds):
        while True:
            with suppress(OSError, ValueError):
                if await seen():
                    return
            await asyncio.sleep(0.2)
