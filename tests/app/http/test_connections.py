"""What a client can do to the server before it has shown a key: bounds on bytes, time and connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.api.main import create_app
from app.http import connections
from app.infra.broker import EmbeddedServer
from app.settings import Settings
from tests.app.conftest import joined
from tests.support.fake_worker import DEADLINE
from tests.support.server import serve
from tests.support.waiting import eventually


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bounds, a hundred times sooner."""
    for name in ("HEAD_SECONDS", "BODY_GRACE", "REST_SECONDS", "UNREAD_SECONDS", "_LOOK_EVERY"):
        monkeypatch.setattr(connections, name, getattr(connections, name) / 100)


@pytest.fixture
async def address(settings: Settings, nats: EmbeddedServer) -> AsyncIterator[tuple[str, int]]:
    """Of a service that asks for keys."""
    app = create_app(joined(settings.model_copy(update={"auth": "keys"}), nats))
    async with serve(app) as url:
        where = httpx.URL(url)
        assert where.port is not None
        yield where.host, where.port


async def said(reader: asyncio.StreamReader) -> bytes:
    """All that the server says until it closes."""
    async with asyncio.timeout(DEADLINE):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


def problem(answer: bytes) -> dict[str, Any]:
    document = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert isinstance(document, dict)
    return document


async def flood(address: tuple[str, int], start: bytes, line: bytes, most: int) -> tuple[int, bytes]:
    """Send a start and then lines until the server closes; how many bytes it took, and what it said."""
    reader, writer = await asyncio.open_connection(*address)
    taken = len(start)
    writer.write(start)
    answer = asyncio.create_task(said(reader))
    try:
        while taken < most and not answer.done():
            writer.write(line)
            await writer.drain()
            taken += len(line)
            await asyncio.sleep(0)  # for the answer
    except ConnectionError:
        pass
    text = await answer
    writer.close()
    return taken, text


@pytest.mark.parametrize(
    ("start", "line"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"X-Flood: " + b"a" * 8000 + b"\r\n"),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Flood: ", b"a" * 8192),
        (b"GET /", b"a" * 8192),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"X: a\r\n"),
        (
            b"POST /v1/styles HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"X-Trailer: " + b"a" * 8000 + b"\r\n",
        ),
    ],
    ids=["long headers", "one header", "request line", "many headers", "trailers"],
)
async def test_heads_are_bounded(address: tuple[str, int], start: bytes, line: bytes) -> None:
    taken, answer = await flood(address, start, line, most=64 * 2**20)
    assert taken < 8 * 2**20  # what the kernel has buffered on both sides; the server reads 64 KiB
    if answer and not answer.startswith(b"HTTP/1.1 401"):
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert problem(answer)["code"] == "headers_too_large"


async def test_a_head_that_is_too_large_is_refused_with_a_sentence(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Flood: " + b"a" * (connections.MAX_HEAD_BYTES + 1))
    answer = await said(reader)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert problem(answer)["status"] == 431
    writer.close()


async def test_a_body_may_be_larger_than_a_head(address: tuple[str, int]) -> None:
    async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}") as client:
        answer = await client.post("/v1/styles", content=b"a" * 2**20)
        assert answer.status_code == 401
        assert (await client.get("/livez")).status_code == 200  # on the same connection


@pytest.mark.usefixtures("hurried")
async def test_silent_sockets_are_closed(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    assert await said(reader) == b""
    writer.close()


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("spoken", [b"GET /li", b"GET /livez HTTP/1.1\r\nHost: a\r\n"])
async def test_slow_heads_are_given_up(address: tuple[str, int], spoken: bytes) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(spoken)
    answer = await said(reader)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert problem(answer)["code"] == "request_timeout"
    writer.close()


@pytest.mark.usefixtures("hurried")
async def test_line_breaks_keep_no_connection_open(address: tuple[str, int]) -> None:
    """They belong to no request; a server that waits for its first byte takes them for ever."""
    reader, writer = await asyncio.open_connection(*address)
    closed = asyncio.create_task(said(reader))
    while not closed.done():
        writer.write(b"\r\n")
        await asyncio.sleep(0.01)
    writer.close()


async def test_strangers_are_answered_before_their_body_came(address: tuple[str, int]) -> None:
    for path, kind in (
        ("styles", "multipart/form-data; boundary=a"),
        ("webhooks", "application/json"),
    ):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(
            f"POST /v1/{path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n".encode()
            + b"Content-Length: 50000\r\n\r\n"
        )
        async with asyncio.timeout(DEADLINE):  # far below the time that the body would have
            assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        writer.close()


@pytest.mark.usefixtures("hurried")
async def test_the_rest_of_a_refused_body_is_not_waited_for(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"POST /v1/styles HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n")
    assert (await said(reader)).startswith(b"HTTP/1.1 401 ")  # and then the end
    writer.close()


@pytest.mark.usefixtures("hurried")
async def test_slow_bodies_are_given_up(settings: Settings, nats: EmbeddedServer) -> None:
    async with serve(create_app(joined(settings, nats))) as url:  # open: the sender is welcome
        where = httpx.URL(url)
        reader, writer = await asyncio.open_connection(where.host, where.port)
        writer.write(
            f"POST /v1/styles HTTP/1.1\r\nHost: {where.host}\r\n"
            "Content-Type: multipart/form-data; boundary=a\r\nContent-Length: 1000000\r\n\r\n--a".encode()
        )
        answer = await said(reader)
        assert answer.startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_idle_sockets_keep_nobody_out(settings: Settings, nats: EmbeddedServer) -> None:
    app = create_app(joined(settings.model_copy(update={"auth": "keys"}), nats))
    async with serve(app, descriptors=64) as url:
        where = httpx.URL(url)
        idle = [await asyncio.open_connection(where.host, where.port) for _ in range(100)]
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/livez")).status_code == 200
        ended = [asyncio.create_task(said(reader)) for reader, _ in idle]
        await eventually(
            lambda: sum(task.done() for task in ended) >= 68
        )  # 32 places, of which 24 an address
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        for _, writer in idle:
            writer.close()


async def test_requests_at_work_are_not_closed_for_others() -> None:
    class Transport:
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    class Peer:
        def __init__(self, address: str) -> None:
            self.address, self.transport, self.has_asked = address, Transport(), False

    slots = connections.ConnectionSlots(8)
    busy: list[Any] = [Peer(f"10.0.0.{n}") for n in range(8)]
    for peer in busy:
        assert slots.enter(peer)
        slots.busy(peer)
    late: Any = Peer("10.0.0.9")
    assert not slots.enter(late)
    assert not any(peer.transport.aborted for peer in busy)
    slots.leave(late)
    slots.leave(busy[0])
    assert slots.enter(late)


async def test_who_has_asked_before_is_closed_last() -> None:
    closed: list[str] = []

    class Transport:
        def __init__(self, name: str) -> None:
            self.name = name

        def abort(self) -> None:
            closed.append(self.name)

    class Peer:
        def __init__(self, name: str, has_asked: bool) -> None:
            self.address, self.transport, self.has_asked = name, Transport(name), has_asked

    slots = connections.ConnectionSlots(3)
    peers: list[Any] = [Peer("regular", True), Peer("silent-1", False), Peer("silent-2", False)]
    for peer in peers:
        assert slots.enter(peer)
    late: Any = Peer("late", False)
    assert slots.enter(late)
    assert closed == ["silent-1"]


async def test_one_address_leaves_places_for_others() -> None:
    class Peer:
        def __init__(self, address: str) -> None:
            self.address, self.transport, self.has_asked = address, None, False

    slots = connections.ConnectionSlots(8)
    entered = []
    for _ in range(8):
        peer: Any = Peer("10.0.0.1")
        if slots.enter(peer):
            slots.busy(peer)
            entered.append(peer)
        else:
            slots.leave(peer)
    assert len(entered) == 6
    other: Any = Peer("10.0.0.2")
    assert slots.enter(other)


@pytest.mark.usefixtures("hurried")
async def test_connections_that_proxies_keep_outlast_silent_ones(address: tuple[str, int]) -> None:
    """Load balancers send the next request after up to a minute: it must not meet a closed door."""
    assert connections.KEPT_SECONDS > 60
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(2):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
        await reader.readuntil(b'{"status":"ok"}')
        silent, other = await asyncio.open_connection(*address)
        assert await said(silent) == b"", "it came later, and is closed before"
        other.close()
    writer.close()
