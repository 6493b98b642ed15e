"""What strangers and the owner B do all at once, in a process of their own.

``python -m benchmarks.siege.attacks URL FLOODS UPLOADS SOCKETS NAMES``: two keys of B, since
a rate holds for one, and names of attacks. Prints ``ready`` when its pictures are made, and begins with
the next line on its standard input. Then it prints what was done and what B was told as JSON, every second.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.siege.pictures import amplified_picture, slow_picture
from benchmarks.stub.service import picture

_PAUSE = 0.5  # s between two rounds of an attack
_HELD = 20.0  # s that a stream or a wait is held, at most
_EVERY = 2.0  # s between two jobs that somebody follows
_STREAMS, _WAITS, _SLOW_BODIES, _SLOW_NAMES = 100, 10, 10, 8


class _NothingYetError(Exception):
    """There is no job to follow."""


@dataclass
class Siege:
    """The target, what was done to it, and what it answered to B."""

    url: httpx.URL
    floods: str  # key of the streams and waits
    uploads: str  # key of the pictures and webhooks
    sockets: int
    slow: bytes = field(default_factory=slow_picture)
    amplified: bytes = field(default_factory=amplified_picture)
    done: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    sent: int = 0  # bytes of pictures
    job: str = ""  # the newest of B: whom the streams follow

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.url.host, self.url.port)

    def client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.uploads}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=120, trust_env=False)

    async def ask(self, line: str, *headers: str, hold: float, body: bytes = b"") -> None:
        """One request of the flood, whose answer is read for so many seconds. By hand: a client library takes
        more time than the service does."""
        reader, writer = await self.connect()
        try:
            lines = [f"{line} HTTP/1.1", "Host: a", f"Authorization: Bearer {self.floods}", *headers]
            writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
            status = await reader.readuntil(b"\r\n")
            self.answers[int(status.split()[1])] += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(hold):
                    while await reader.read(1 << 16):
                        pass
        finally:
            writer.close()


async def headers_without_end(siege: Siege) -> None:
    """A stranger's headers, until he is thrown out."""
    reader, writer = await siege.connect()
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
        while not reader.at_eof():
            writer.write(b"X-Flood: " + b"a" * 8000 + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)  # else nobody else here gets a turn
    finally:
        writer.close()


class _Silent(asyncio.Protocol):
    """A socket that says nothing; its place is taken anew when it is closed."""

    def __init__(self, closed: asyncio.Queue[None]) -> None:
        self._closed = closed

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.put_nowait(None)


async def idle_sockets(siege: Siege) -> None:
    """So many at any time."""
    loop, closed = asyncio.get_running_loop(), asyncio.Queue[None]()
    assert siege.url.port is not None
    for _ in range(siege.sockets):
        closed.put_nowait(None)
    while True:
        await closed.get()
        try:
            await loop.create_connection(lambda: _Silent(closed), siege.url.host, siege.url.port)
            siege.done[idle_sockets.__name__] += 1
        except OSError:
            closed.put_nowait(None)
            await asyncio.sleep(_PAUSE)


async def slow_body(siege: Siege) -> None:
    """B sends a form, a byte at a time."""
    reader, writer = await siege.connect()
    try:
        writer.write(
            f"POST /v1/styles HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {siege.uploads}\r\n"
            "Content-Type: multipart/form-data; boundary=a\r\nContent-Length: 1000000\r\n\r\n".encode()
        )
        while not reader.at_eof():
            writer.write(b"-")
            await writer.drain()
            await asyncio.sleep(0.5)
    finally:
        writer.close()


async def strangers_body(siege: Siege) -> None:
    """A stranger announces a large form and sends some of it."""
    reader, writer = await siege.connect()
    try:
        writer.write(
            b"POST /v1/styles HTTP/1.1\r\nHost: a\r\n"
            b"Content-Type: multipart/form-data; boundary=a\r\nContent-Length: 100000000\r\n\r\n"
            + bytes(1 << 16)
        )
        while await reader.read(1 << 16):
            pass
    finally:
        writer.close()


async def slow_pictures(siege: Siege) -> None:
    """Examples that take seconds to decode."""
    async with siege.client() as client:
        await _upload(siege, client, "/v1/styles", [("examples", siege.slow)], {"steps": "100"})


async def amplified_pictures(siege: Siege) -> None:
    """What is small to send and large to keep; the job is canceled at once, the uploads stay."""
    async with siege.client() as client:
        styles = (await client.get("/v1/styles?limit=1&status=ready")).json().get("items", [])
        for style in styles:
            files = [("contents", siege.amplified)] * 3
            await _upload(siege, client, "/v1/stylizations", files, {"style_id": style["id"], "size": "4096"})


async def _upload(
    siege: Siege, client: httpx.AsyncClient, path: str, files: list[tuple[str, bytes]], fields: dict[str, Any]
) -> None:
    siege.sent += sum(len(data) for _, data in files)
    answer = await client.post(path, files=[(name, ("a", data)) for name, data in files], data=fields)
    siege.answers[answer.status_code] += 1
    if answer.status_code == httpx.codes.ACCEPTED:
        siege.job = answer.json()["job"]["id"]
        await asyncio.sleep(_PAUSE)
        canceled = await client.post(f"/v1/jobs/{siege.job}/cancel")
        siege.answers[canceled.status_code] += 1


async def jobs(siege: Siege) -> None:
    """Jobs of five seconds each: somebody to follow."""
    async with siege.client() as client:
        files = [("examples", ("a.png", picture("navy")))]
        answer = await client.post("/v1/styles", files=files, data={"steps": "100"})
        siege.answers[answer.status_code] += 1
        if answer.status_code == httpx.codes.ACCEPTED:
            siege.job = answer.json()["job"]["id"]
    await asyncio.sleep(_EVERY)


async def slow_names(siege: Siege) -> None:
    """Webhooks whose names nobody tells; each job of B is a message to all of them."""
    async with siege.client() as client:
        for number in range(_SLOW_NAMES):
            body = {"url": f"http://n{number}.slow.example/", "events": ["job.canceled"]}
            siege.answers[(await client.post("/v1/webhooks", json=body)).status_code] += 1
    await asyncio.Event().wait()


async def streams(siege: Siege) -> None:
    """Event streams of the newest job."""
    if not siege.job:
        raise _NothingYetError
    await siege.ask(f"GET /v1/jobs/{siege.job}/events", hold=_HELD)


async def waits(siege: Siege) -> None:
    """Long waits for the end of an adaptation."""
    boundary = b"--a\r\nContent-Disposition: form-data; name=examples; filename=a\r\n\r\n"
    body = boundary + picture("navy") + b"\r\n--a--\r\n"
    headers = ("Content-Type: multipart/form-data; boundary=a", f"Content-Length: {len(body)}")
    await siege.ask("POST /v1/styles", *headers, "Prefer: wait=20", hold=_HELD, body=body)


async def repeatedly(siege: Siege, attack: Callable[[Siege], Awaitable[None]]) -> None:
    """Without end, whatever comes of it."""
    while True:
        with suppress(OSError, httpx.HTTPError, asyncio.IncompleteReadError, ValueError, _NothingYetError):
            await attack(siege)
            siege.done[attack.__name__] += 1
        await asyncio.sleep(_PAUSE)


ATTACKS: dict[str, tuple[Callable[[Siege], Awaitable[None]], int]] = {
    "headers": (headers_without_end, 2),
    "sockets": (idle_sockets, 1),
    "bodies": (slow_body, _SLOW_BODIES),
    "strangers": (strangers_body, _SLOW_BODIES),
    "jobs": (jobs, 1),
    "pictures": (slow_pictures, 4),
    "disk": (amplified_pictures, 2),
    "names": (slow_names, 1),
    "streams": (streams, _STREAMS),
    "waits": (waits, _WAITS),
}
"""Each by its name, and how many do it at once."""


async def attack(siege: Siege, names: list[str]) -> None:
    """Everything that is named, without end."""
    async with asyncio.TaskGroup() as group:
        for name in names:
            made, at_once = ATTACKS[name]
            for _ in range(at_once):
                group.create_task(repeatedly(siege, made))
        while True:
            await asyncio.sleep(1)
            told = {"done": siege.done, "answers": siege.answers, "sent": siege.sent}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    target, floods, uploads, sockets, names = sys.argv[1:]
    siege = Siege(httpx.URL(target), floods, uploads, int(sockets))
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(attack(siege, names.split(",")))
