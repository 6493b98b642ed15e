"""A receiver of webhooks on loopback, and a resolver that tells what a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """Answers with the next of ``statuses`` (the last one again and again) and keeps what it got."""

    port: int = 0
    statuses: list[str] = field(default_factory=lambda: ["204 No Content"])
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            self._serving.discard(task)
            if task.cancelling():
                writer.transport.abort()
            else:
                writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def close(self) -> None:
        """End the connections that are left, before the test's loop ends."""
        left = list(self._serving)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.requests.append(Request(first.split(" ")[1], headers, body.decode()))
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            if status == "silence":
                await reader.read()
            else:
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()


@asynccontextmanager
async def receiving(*statuses: str, ssl: SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    if statuses:
        receiver.statuses = list(statuses)
    server = await asyncio.start_server(receiver._accept, "127.0.0.1", 0, ssl=ssl)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.close()


class Names:
    """A resolver: each look-up of a name takes the next of its answers (the last one again and again)."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {name: list(found) for name, found in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self._answers[host]
        return list(answers.pop(0) if len(answers) > 1 else answers[0])
