"""The service under demos and measurements: ``fewstroke serve`` in a folder that goes away."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from demo.errors import DemoError

READY_WITHIN = 240.0  # s; the first import of torch on a cold disk is slow
STOP_WITHIN = 30.0  # s; the supervisor itself gives its children 20
FOREIGN = ("FEWSTROKE_", "NATS_", "DATABASE_URL", "AWS_")  # settings that would change the defaults


@contextmanager
def running_service(log: Path, **settings: str) -> Iterator[str]:
    """Start the service on a free port, yield its URL once a job would be taken, stop it at the end.

    Its output goes to ``log``; ``settings`` are environment variables. Raises DemoError when it does not come
    up.
    """
    command = Path(sys.executable).with_name("fewstroke")
    if not command.exists():
        raise DemoError(
            f"{command} is missing: run `make env`, or run the demo with that environment's python"
        )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    with tempfile.TemporaryDirectory(prefix="fewstroke-demo-") as data, log.open("wb") as output:
        port = _free_port()
        process = subprocess.Popen(
            [command, "serve", "--port", str(port), "--data-dir", data],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment | settings,
            start_new_session=True,  # Ctrl-C reaches the demo alone, which stops the service in order
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url, process, log)
            yield url
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    with httpx.Client(base_url=url, timeout=5.0, trust_env=False) as client:
        while time.monotonic() < deadline:
            if (status := process.poll()) is not None:
                raise DemoError(f"the service ended with status {status}. Its last lines:\n{_tail(log)}")
            try:
                if client.get("/readyz").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.2)
    raise DemoError(f"the service was not ready after {READY_WITHIN:.0f} s. Its last lines:\n{_tail(log)}")


def _tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) or "(none)"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its children end with it: they hold a leash
        process.wait()
