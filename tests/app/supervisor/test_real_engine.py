"""The promises about crashes, with the shipped model and the command that users run."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.served import Service, running_service
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

SERVE = ("-m", "app.cli", "serve")
EXAMPLES = sorted((Path(__file__).parents[3] / "app/studio/pictures/examples").glob("*.jpg"))[:2]
TAKEOVER = 15.0  # s; the promise
STEPS = 6
LONG = 300  # s; one adaptation on a machine that is busy with other things


async def adapting(service: Service, job_id: str) -> None:
    """Wait until the inner loop has taken its first step."""
    async with service.http.stream("GET", f"/v1/jobs/{job_id}/events", timeout=LONG) as response:
        async for line in response.aiter_lines():
            if line.startswith("data:") and '"step":1' in line.replace(" ", ""):
                return
    raise AssertionError(f"{job_id} ended before its first step")


def nicenesses(pid: int) -> list[int]:
    """Of the threads of a process (Linux)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks]


async def result_folders(data_dir: Path) -> list[str]:
    return sorted(path.parent.parent.name for path in (data_dir / "blobs" / "results").rglob("*.safetensors"))


@pytest.mark.timeout(2 * LONG)
async def test_the_adaptation_of_a_killed_worker_is_taken_up_within_fifteen_seconds(tmp_path: Path):
    # Two workers: how soon a fresh one has loaded the model depends on what else the machine does.
    async with running_service(tmp_path, (*SERVE, "--workers", "2")) as service:
        job_id = await service.adapt(pictures=EXAMPLES, steps=STEPS)
        await adapting(service, job_id)
        os.kill(await service.worker_of(job_id), signal.SIGKILL)
        killed = time.monotonic()

        async def taken_up() -> bool:
            return bool((await service.job(job_id))["attempt"] == 2)

        await eventually(taken_up, within=TAKEOVER)
        assert time.monotonic() - killed < TAKEOVER
        done = await service.until(job_id, "succeeded", within=LONG)
        assert done["attempt"] == 2
        assert done["result"]["steps"] <= STEPS
        assert done["result"]["losses"]["end"]["total"] <= done["result"]["losses"]["start"]["total"]
        assert await result_folders(tmp_path) == [job_id]


@pytest.mark.timeout(2 * LONG)
async def test_killed_altogether_in_an_adaptation_the_next_serve_completes_every_job(tmp_path: Path):
    async with running_service(tmp_path, SERVE) as service:
        running = await service.adapt(pictures=EXAMPLES, steps=STEPS)
        queued = await service.adapt(pictures=EXAMPLES, steps=0)
        await adapting(service, running)
        worker = dict(service.children())["worker"].pid
        if sys.platform == "linux":
            assert max(nicenesses(worker)) == 3  # those that compute
            assert os.getpriority(os.PRIO_PROCESS, worker) < 10  # not the one that sends signs of life
        for process in (*dict(service.children()).values(), service.process):
            os.kill(process.pid, signal.SIGKILL)
        await service.wait()

    async with running_service(tmp_path, SERVE) as service:
        assert (await service.until(running, "succeeded", within=LONG))["attempt"] == 2
        assert (await service.until(queued, "succeeded", within=LONG))["attempt"] == 1
        assert await result_folders(tmp_path) == sorted([running, queued])
