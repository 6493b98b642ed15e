"""A served Fewstroke for tests: start, read its lines, find its processes, kill them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import psutil
from PIL import Image

from app.infra.broker import Broker, find_broker
from tests.support.waiting import eventually

READY_WITHIN = 240.0  # s; on a machine that has much else to do
SCRIPTED = ("-m", "tests.app.supervisor.serve_fake_worker", "1")


class Service:
    """One ``serve`` process and what it says."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.http = httpx.AsyncClient(timeout=30.0, trust_env=False)

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    async def ready(self) -> None:
        """Wait for the greeting and point the client at the URL in it."""

        def greeted() -> bool:
            assert self.process.returncode is None, self.text
            return "Fewstroke is ready" in self.text

        await eventually(greeted, within=READY_WITHIN)
        found = re.search(r"ready: (http://\S+)", self.text)
        assert found is not None
        self.http.base_url = httpx.URL(found.group(1))

    def family(self) -> dict[str, psutil.Process]:
        """The children by what they are: broker, api, worker."""
        names = {}
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # ended meanwhile; a zombie counts as ended
                line = " ".join(child.cmdline())
                kind = "broker" if "nats-server" in line else "api" if "app.cli api" in line else "worker"
                names[kind] = child
        return names

    async def adapt(self, *, pictures: Sequence[Path] = (), **fields: Any) -> str:
        """Submit examples (default: two plain ones); the job's id."""
        examples = [path.read_bytes() for path in pictures] or [_png("navy"), _png("red")]
        files = [("examples", (f"{number}.png", data)) for number, data in enumerate(examples)]
        answer = await self.http.post("/v1/styles", files=files, data=fields)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["job"]["id"])

    async def worker_of(self, job_id: str) -> int:
        """Process id of the worker that runs the job, from the heartbeats."""
        address = find_broker(self.log.parent)
        broker = await Broker.connect(address.url, token=address.token)
        try:
            found: list[int] = []

            async def known() -> bool:
                found[:] = [info["pid"] for info in await broker.workers() if info["job"] == job_id]
                return bool(found)

            await eventually(known, within=30)
            return found[0]
        finally:
            await broker.close()

    async def job(self, job_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == httpx.codes.OK, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def until(self, job_id: str, state: str, *, within: float = 60.0) -> dict[str, Any]:
        async def reached() -> bool:
            job = await self.job(job_id)
            assert job["state"] in (state, "queued", "running", "canceling"), job
            return bool(job["state"] == state)

        await eventually(reached, within=within)
        return await self.job(job_id)

    async def wait(self, *, within: float = 60.0) -> int:
        async with asyncio.timeout(within):
            return await self.process.wait()


@asynccontextmanager
async def serving(data_dir: Path, *command: str, port: int = 0, ready: bool = True) -> AsyncIterator[Service]:
    """Serve on ``data_dir``; whatever is left at the end is killed."""
    log = _next_log(data_dir)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(command or SCRIPTED),
            env={**os.environ, "FEWSTROKE_DATA_DIR": str(data_dir), "FEWSTROKE_PORT": str(port)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    service = Service(process, log)
    try:
        if ready:
            await service.ready()
        yield service
    finally:
        await service.http.aclose()
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


def _next_log(data_dir: Path) -> Path:
    data_dir.mkdir(parents=True, exist_ok=True)
    return data_dir / f"serve-{len(list(data_dir.glob('serve-*.log')))}.log"


def _png(colour: str) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, format="PNG")
    return buffer.getvalue()
