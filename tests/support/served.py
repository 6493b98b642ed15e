"""A served Fewstroke for tests and benchmarks: start it, read its lines, find its processes, stop it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import psutil
from PIL import Image

from app.infra.broker import Broker, find_broker
from tests.support.waiting import eventually

READY_WITHIN = 600.0  # s; on a machine that has much else to do
FAKE_WORKER = ("-m", "tests.support.serve_fake_worker", "1")


class Service:
    """One ``serve`` process on a data folder, its log beside the folder, and a client of it."""

    def __init__(self, command: Sequence[str], data_dir: Path, environment: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.http = httpx.AsyncClient(timeout=30.0, trust_env=False)
        self._command = command
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._before = 0  # bytes of the log that earlier processes wrote

    @property
    def process(self) -> asyncio.subprocess.Process:
        """Of the supervisor."""
        assert self._process is not None
        return self._process

    @property
    def url(self) -> str:
        """Where it listens, once it is ready."""
        return str(self.http.base_url).rstrip("/")

    @property
    def text(self) -> str:
        """What the process has written so far."""
        return self.log.read_bytes()[self._before :].decode(errors="replace")

    async def start(self) -> None:
        """Start the process, which may end before it is ready."""
        await asyncio.to_thread(self.data_dir.mkdir, parents=True, exist_ok=True)
        self._before = self.log.stat().st_size if self.log.is_file() else 0
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._command,
                env={
                    **os.environ,
                    "FEWSTROKE_DATA_DIR": str(self.data_dir),
                    "FEWSTROKE_PORT": "0",
                    **self._environment,
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    async def ready(self) -> None:
        """Wait for the greeting and point the client at the URL in it."""

        def greeted() -> bool:
            assert self.process.returncode is None, f"the service did not start:\n{self.text[-4000:]}"
            found = re.search(r"ready: (http://\S+)", self.text)
            if found is not None:
                self.http.base_url = httpx.URL(found.group(1))
            return found is not None

        await eventually(greeted, within=READY_WITHIN)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it and its children, if it runs."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.send_signal(how)
        await self._process.wait()

    def children(self) -> list[tuple[str, psutil.Process]]:
        """(broker | api | worker, process) of those that live."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # ended meanwhile
                line = " ".join(child.cmdline())
                if line:  # a zombie has none
                    kind = "broker" if "nats-server" in line else "api" if "app.cli api" in line else "worker"
                    found.append((kind, child))
        return found

    def pids(self, kind: str) -> list[int]:
        """Process ids of the children of a kind."""
        return [child.pid for name, child in self.children() if name == kind]

    async def adapt(self, *, pictures: Sequence[Path] = (), **fields: Any) -> str:
        """Submit examples (default: two plain ones); the job's id."""
        examples = [path.read_bytes() for path in pictures] or [_png("navy"), _png("red")]
        files = [("examples", (f"{number}.png", data)) for number, data in enumerate(examples)]
        answer = await self.http.post("/v1/styles", files=files, data=fields)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["job"]["id"])

    async def worker_of(self, job_id: str) -> int:
        """Process id of the worker that runs the job, from the heartbeats."""
        address = find_broker(self.data_dir)
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
async def running_service(
    data_dir: Path,
    command: Sequence[str] = FAKE_WORKER,
    *,
    environment: Mapping[str, str] | None = None,
    ready: bool = True,
) -> AsyncIterator[Service]:
    """Serve on ``data_dir``; whatever is left at the end is killed."""
    service = Service(command, data_dir, environment or {})
    try:
        await service.start()
        if ready:
            await service.ready()
        yield service
    finally:
        await service.http.aclose()
        await service.stop(signal.SIGKILL)  # the children go with it


def _png(colour: str) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, format="PNG")
    return buffer.getvalue()
