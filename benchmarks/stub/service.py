"""Start a stub service, find its processes, talk to it."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path

import httpx
import psutil
from PIL import Image

from benchmarks.errors import BenchmarkError

_READY_WITHIN = 600.0  # s; on a machine that has much else to do
_POLL = 0.05  # s


class StubService:
    """One ``serve`` process: ``url`` once it is ready, its children by what they are."""

    def __init__(self, command: Sequence[str], data_dir: Path, env: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.url = ""
        self._command = command
        self._env = env
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        """Of the supervisor."""
        assert self._process is not None
        return self._process

    async def start(self) -> None:
        """Start and wait for the greeting. Raises BenchmarkError with the log when it does not come."""
        await asyncio.to_thread(self.data_dir.mkdir, parents=True, exist_ok=True)
        before = self.log.stat().st_size if self.log.is_file() else 0
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._command,
                env={
                    **os.environ,
                    "FEWSTROKE_DATA_DIR": str(self.data_dir),
                    "FEWSTROKE_PORT": "0",
                    **self._env,
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        for _ in range(round(_READY_WITHIN / _POLL)):
            text = self.log.read_bytes()[before:].decode(errors="replace")
            if self._process.returncode is not None:
                break
            if found := re.search(r"ready: (http://\S+)", text):
                self.url = found.group(1)
                return
            await asyncio.sleep(_POLL)
        raise BenchmarkError(f"the service did not start:\n{self.log.read_text(errors='replace')[-4000:]}")

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
            with suppress(psutil.NoSuchProcess):
                line = " ".join(child.cmdline())
                if line:  # a zombie has none
                    kind = "broker" if "nats-server" in line else "api" if "app.cli api" in line else "worker"
                    found.append((kind, child))
        return found

    def pids(self, kind: str) -> list[int]:
        """Process ids of the children of a kind."""
        return [child.pid for name, child in self.children() if name == kind]


@asynccontextmanager
async def stub_service(
    data_dir: Path,
    *,
    workers: int,
    env: Mapping[str, str] | None = None,
    worker_env: Sequence[str] = (),
    engine: bool = False,
) -> AsyncIterator[StubService]:
    """A ready service on ``data_dir``; killed at the end. ``worker_env``: ``NAME=VALUE`` for workers;
    ``engine``: with the real model instead of the stub."""
    stub = ("-m", "benchmarks.stub.serve", str(workers), *worker_env)
    command = ("-m", "app.cli", "serve", "--workers", str(workers)) if engine else stub
    service = StubService(command, data_dir, env or {})
    try:
        await service.start()
        yield service
    finally:
        await service.stop(signal.SIGKILL)  # the children go with it


def picture(colour: str, side: int = 64) -> bytes:
    """A plain PNG."""
    buffer = BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def client(url: str) -> httpx.AsyncClient:
    """An HTTP client that no proxy settings of the environment lead astray."""
    return httpx.AsyncClient(base_url=url, timeout=30.0, trust_env=False)
