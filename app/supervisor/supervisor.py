"""Start broker, workers and API together, keep them running, stop them together."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
from collections.abc import Coroutine, Sequence
from typing import Any

import httpx

from app.auth.open_mode import OpenMode
from app.infra.broker import BrokerStartError, EmbeddedServer
from app.infra.listen_socket import ListenError, listen
from app.infra.python_processes import python_command
from app.infra.secrets_at_rest import keep_private
from app.settings import Settings
from app.settings_toml import config_file
from app.supervisor.lock import data_folder_lock
from app.supervisor.log_output import LogOutput
from app.supervisor.process import HEALTHY_AFTER, ChildProcess, restart_delay
from model.cpu import available

_STOP_TIMEOUT = 20.0  # s for workers and API to end by themselves; a worker gives its job back after 5
_KILL_EVERY = 0.5  # s
_BIND_TIMEOUT = 3.0  # s; the API of a killed run may hold the port for a moment
_READY_POLL = 0.25  # s
_EXAMINE_EVERY = 5.0  # s between two looks at whether the broker's streams take messages
_STUCK_AFTER = 2  # looks in a row that found one that does not


class Supervisor:
    """The parent of all processes of one ``fewstroke serve``.

    The listening socket belongs to the supervisor and is handed to the API, so a client that connects
    while the API restarts waits instead of being refused.
    """

    def __init__(self, settings: Settings, *, workers: int = 1, worker_command: Sequence[str]) -> None:
        self._settings = settings
        self._workers = workers
        self._worker_command = list(worker_command)
        self._console = LogOutput(settings.log_format)
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._children: list[ChildProcess] = []

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM. Raises SupervisorError, ListenError, BrokerStartError."""
        keep_private()
        if (path := config_file()) is not None:
            self._console.line("serve", f"settings from {path.absolute()}")
        with data_folder_lock(self._settings.data_dir):
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._on_signal)
            with await self._listen() as listener:
                broker = None if self._settings.nats_url else EmbeddedServer(self._settings.data_dir)
                try:
                    if broker is not None:
                        await broker.start()
                        self._console.line("broker", f"nats-server on {broker.url}, log in {broker.log_file}")
                    await self._supervise(broker, listener)
                finally:
                    if broker is not None:
                        await broker.stop()

    async def _supervise(self, broker: EmbeddedServer | None, listener: socket.socket) -> None:
        self._children = [self._api(listener), *(self._worker(n) for n in range(1, self._workers + 1))]
        parts: list[Coroutine[Any, Any, None]] = [child.run() for child in self._children]
        if broker is not None:
            parts += [self._keep_broker(broker), self._examine_broker(broker)]
        tasks = [asyncio.create_task(part) for part in parts]
        greeting = asyncio.create_task(self._greet(_url(listener)))
        stopping: asyncio.Task[Any] = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            greeting.cancel()
            stopping.cancel()
            await self._stop(tasks[: len(self._children)], listener)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done - {stopping}:
            task.result()  # raises what ended the part

    async def _stop(self, running: Sequence[asyncio.Task[None]], listener: socket.socket) -> None:
        for child in self._children:
            child.stop()
        # The API has a handle of its own, until it stops listening. From then on clients are refused at once:
        # here they would wait for somebody who will never come.
        listener.close()
        hurry = asyncio.create_task(self._hurry.wait())
        everything = asyncio.ensure_future(asyncio.wait(running))
        await asyncio.wait({everything, hurry}, timeout=_STOP_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        killed: set[int] = set()
        while not everything.done():  # again: a process may have been in the making when it was asked to end
            for child in self._children:
                if child.pid is not None and child.pid not in killed:
                    self._console.warning("serve", f"{child.name} did not stop in time: killed")
                    killed.add(child.pid)
                    child.kill()
            await asyncio.wait({everything}, timeout=_KILL_EVERY)
        hurry.cancel()

    async def _keep_broker(self, broker: EmbeddedServer) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            born = loop.time()
            status = await broker.wait()
            failures = 1 if loop.time() - born > HEALTHY_AFTER else failures + 1
            delay = restart_delay(failures)
            self._console.warning(
                "broker",
                f"ended with status {status}; starting again in {delay:.1f} s; it said:\n"
                + broker.last_words(),
            )
            await asyncio.sleep(delay)
            try:
                await broker.start()
            except BrokerStartError as error:
                self._console.warning("broker", str(error))

    async def _examine_broker(self, broker: EmbeddedServer) -> None:
        """End a broker whose streams take no messages; ``_keep_broker`` starts it again."""
        failures = 0
        while True:
            await asyncio.sleep(_EXAMINE_EVERY)
            stream = await broker.stuck()
            failures = failures + 1 if stream else 0
            if failures >= _STUCK_AFTER:
                failures = 0
                self._console.warning("broker", f"stream {stream} takes no messages: ending the broker")
                await broker.stop()

    def _api(self, listener: socket.socket) -> ChildProcess:
        descriptor = listener.fileno()
        return self._child("api", fewstroke_command("api", "--fd", str(descriptor)), pass_fds=[descriptor])

    def _worker(self, number: int) -> ChildProcess:
        name = "worker" if self._workers == 1 else f"worker-{number}"
        env = {}
        if self._workers > 1 and "OMP_NUM_THREADS" not in os.environ:
            env["OMP_NUM_THREADS"] = str(max(1, available() // self._workers))
        return self._child(name, self._worker_command, env=env)

    def _child(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: dict[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> ChildProcess:
        return ChildProcess(
            name,
            command,
            console=self._console,
            env={
                **os.environ,
                "FEWSTROKE_DATA_DIR": str(self._settings.data_dir),
                "FEWSTROKE_HOST": self._settings.host,  # whether a key is needed depends on it
                "PYTHONUNBUFFERED": "1",
                **(env or {}),
            },
            pass_fds=pass_fds,
        )

    async def _listen(self) -> socket.socket:
        deadline = asyncio.get_running_loop().time() + _BIND_TIMEOUT
        while True:
            try:
                return listen(self._settings.host, self._settings.port)
            except ListenError as error:
                if not error.taken or asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.1)

    async def _greet(self, url: str) -> None:
        """Wait until a job would be taken, then say how to send one."""
        async with httpx.AsyncClient(base_url=url, timeout=5.0, trust_env=False) as client:
            while True:
                try:
                    if (await client.get("/readyz")).status_code == httpx.codes.OK:
                        break
                except httpx.HTTPError:
                    pass  # not up yet
                await asyncio.sleep(_READY_POLL)
        curl = (
            "curl -sS --fail-with-body -H 'Prefer: wait=120' -H 'Accept: image/png' -F examples=@a.jpg "
            f"-F examples=@b.jpg -F content=@photo.jpg {shlex.quote(url + '/v1/stylize')} -o out.png"
        )
        if OpenMode(self._settings).asks_for_keys:
            self._console.line("serve", "every request needs a key: fewstroke keys create OWNER")
        for line in (
            f"Fewstroke is ready: {url} (documentation: {url}/docs)",
            f"data folder: {self._settings.data_dir}",
            f"try: fewstroke demo --address {url}",
            f"or with pictures of yours: {curl}",
        ):
            self._console.line("serve", line)

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            self._hurry.set()
        else:
            self._console.line("serve", "stopping; once more to stop at once")
            self._stopping.set()


def fewstroke_command(*arguments: str) -> list[str]:
    """The command line of ``fewstroke`` with ``arguments``, in this interpreter."""
    return python_command("app.cli", *arguments)


def _url(listener: socket.socket) -> str:
    """The URL at which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
