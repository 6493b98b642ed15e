"""``fewstroke serve`` with its embedded defaults, in a folder that goes away."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.errors import BenchmarkError

_READY_WITHIN = 120.0  # s
_STOP_WITHIN = 30.0  # s
_FOREIGN = ("FEWSTROKE_", "NATS_", "DATABASE_URL", "AWS_")  # settings that would change the defaults


@contextmanager
def running_service(**settings: str) -> Iterator[tuple[str, float]]:
    """Start it on a free port; its URL and the seconds until a job would be taken. Stopped at the end.

    ``settings`` are environment variables. Raises BenchmarkError when it does not come up.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    with tempfile.TemporaryDirectory(prefix="fewstroke-bench-") as folder:
        log = Path(folder, "serve.log")
        command = [
            sys.executable,
            "-m",
            "app.cli",
            "serve",
            "--port",
            str(port),
            "--data-dir",
            f"{folder}/data",
        ]
        began = time.perf_counter()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment | settings
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            yield url, time.perf_counter() - began
        finally:
            process.terminate()
            try:
                process.wait(_STOP_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()  # its children end with it: they hold a leash
                process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    with httpx.Client(base_url=url, timeout=5.0, trust_env=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.get("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.05)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
    raise BenchmarkError(f"the service did not become ready. Its last lines:\n{tail}")
