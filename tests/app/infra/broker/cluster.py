"""Three nats-servers that form a cluster, for the tests that a single one passes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError

from app.infra.broker.discovery import BrokerAddress
from app.infra.broker.nats_server import server_binary
from app.infra.broker.topology import EVENTS, JOBS, WORKERS_STREAM
from app.infra.parent_death import leashed

TOKEN = "cluster"
_NODES = 3
_READY = 30.0  # s; a cluster elects a leader first

_CONFIG = """\
server_name: {name}
listen: {listen}
authorization {{ token: {token} }}
jetstream {{ store_dir: {store} }}
cluster {{ name: test, listen: {routes_at}, routes: {routes} }}
"""


class Cluster:
    """What ``EmbeddedServer`` offers to tests: ``pid``, ``wait`` and ``start`` are those of one node."""

    replicas = _NODES

    def __init__(self, folder: Path) -> None:
        ports = _free_ports(2 * _NODES)
        self._clients, routes = ports[:_NODES], ports[_NODES:]
        self._configs = []
        for number in range(_NODES):
            config = folder / f"node-{number}.conf"
            config.write_text(
                _CONFIG.format(
                    name=f"node-{number}",
                    listen=json.dumps(f"127.0.0.1:{self._clients[number]}"),
                    token=TOKEN,
                    store=json.dumps(str(folder / f"node-{number}")),
                    routes_at=json.dumps(f"127.0.0.1:{routes[number]}"),
                    routes=json.dumps([f"nats://127.0.0.1:{port}" for port in routes]),
                )
            )
            self._configs.append(config)
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """All nodes."""
        return ",".join(f"nats://127.0.0.1:{port}" for port in self._clients)

    @property
    def token(self) -> str:
        """What a client must present."""
        return TOKEN

    @property
    def address(self) -> BrokerAddress:
        """The same, with the first node's process id."""
        return BrokerAddress(self.url, TOKEN, self.pid)

    @property
    def pid(self) -> int:
        """Of the first node."""
        return self._processes[0].pid

    def open(self) -> None:
        """Start all nodes."""
        self._processes = [self._launch(config) for config in self._configs]

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.kill()
            process.wait()

    async def wait(self) -> int:
        """Until the first node has ended."""
        return await asyncio.to_thread(self._processes[0].wait)

    async def start(self) -> None:
        """Start the first node again."""
        self._processes[0] = self._launch(self._configs[0])

    async def stop(self) -> None:
        """End all nodes; ``heal`` brings them back."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)
        for process in self._processes:
            await asyncio.to_thread(process.wait)

    async def heal(self) -> None:
        """All nodes run, and none of our streams is left."""
        for number, process in enumerate(self._processes):
            if process.poll() is not None:
                self._processes[number] = self._launch(self._configs[number])
        deadline = time.monotonic() + _READY
        while True:
            try:
                await self._clear()
                return
            except (NatsError, APIError, OSError, TimeoutError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def _clear(self) -> None:
        client = Client()
        await client.connect(
            self.url.split(","), token=TOKEN, allow_reconnect=False, connect_timeout=1, error_cb=_ignore
        )
        try:
            js = client.jetstream(timeout=3)
            for stream in (JOBS, EVENTS, WORKERS_STREAM):
                with suppress(NotFoundError):
                    await js.delete_stream(stream)
            if (await js.account_info()).streams:
                raise OSError("a stream is still there")
        finally:
            await client.close()

    def _launch(self, config: Path) -> subprocess.Popen[bytes]:
        command = leashed(str(server_binary()), "--config", str(config), "--log", f"{config}.log")
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


async def _ignore(_error: Exception) -> None:
    """Whoever asked is told by the exception."""
