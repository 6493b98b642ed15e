"""A TCP proxy that can swallow what some processes send and receive: a partition that no side is told of."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import psutil

_CHUNK = 64 * 1024


class Proxy:
    """Listens on loopback and forwards to ``target()`` (host, port), asked for each connection.

    Connections of a process that is cut off stay open and silent both ways; when it is joined again they
    are closed, as a gateway does that has forgotten them.
    """

    def __init__(self, target: Callable[[], tuple[str, int]]) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut: set[int] = set()
        self._joined = asyncio.Event()

    async def start(self) -> int:
        """The port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_off(self, pid: int) -> None:
        """Swallow what the process and the target say to each other from now on."""
        self._joined.clear()
        self._cut |= _ports_of(pid)

    def join(self) -> None:
        """End of the partition."""
        self._cut.clear()
        self._joined.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = int(writer.get_extra_info("peername")[1])
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target())
        except OSError:
            writer.close()
            return
        ways = [
            asyncio.create_task(self._pump(reader, far_writer, port)),
            asyncio.create_task(self._pump(far_reader, writer, port)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for side in (writer, far_writer):
                side.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, port: int) -> None:
        with suppress(ConnectionError):
            while data := await source.read(_CHUNK):
                if port in self._cut:
                    await self._joined.wait()
                    return
                target.write(data)
                await target.drain()


def _ports_of(pid: int) -> set[int]:
    return {link.laddr.port for link in psutil.Process(pid).net_connections(kind="tcp") if link.raddr}
