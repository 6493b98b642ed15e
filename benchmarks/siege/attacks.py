"""What strangers and the owner B do all at once, in a process of their own: they are no burden to A's clock.

Prints what B was told as JSON, every second: ``python -m benchmarks.siege.attacks URL KEY SOCKETS``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO

import httpx
import numpy as np
from PIL import Image

_SCANS = 90  # below the bound: what is refused costs nothing


@dataclass
class Siege:
    """The target, and what it answered to B."""

    url: httpx.URL
    key: str
    sockets: int
    answers: Counter[int] = field(default_factory=Counter)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.url.host, self.url.port)


def slow_picture() -> bytes:
    """A progressive JPEG whose last scan comes again and again: small, and slow to decode."""
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).resize((2048, 1536)).save(buffer, "JPEG", quality=30, progressive=True)
    data = buffer.getvalue()
    scan = data[data.rindex(b"\xff\xda") : -2]
    scans = data.count(b"\xff\xda")
    return data[:-2] + scan * (_SCANS - scans) + b"\xff\xd9"


async def headers_without_end(siege: Siege) -> None:
    reader, writer = await siege.connect()
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
    while not reader.at_eof():
        writer.write(b"X-Flood: " + b"a" * 8000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)  # else nobody else here gets a turn
    writer.close()


async def idle_sockets(siege: Siege) -> None:
    held = [await siege.connect() for _ in range(siege.sockets)]
    try:
        await asyncio.sleep(5)
    finally:
        for _, writer in held:
            writer.close()


async def slow_body(siege: Siege) -> None:
    reader, writer = await siege.connect()
    writer.write(
        f"POST /v1/styles HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {siege.key}\r\n"
        "Content-Type: multipart/form-data; boundary=a\r\nContent-Length: 1000000\r\n\r\n".encode()
    )
    while not reader.at_eof():
        writer.write(b"-")
        await writer.drain()
        await asyncio.sleep(0.5)
    writer.close()


async def slow_pictures(siege: Siege, picture: bytes) -> None:
    async with httpx.AsyncClient(base_url=siege.url, headers=siege.headers, timeout=60) as client:
        answer = await client.post("/v1/styles", files=[("examples", ("a.jpg", picture))])
        siege.answers[answer.status_code] += 1
        if answer.status_code == 202:
            await client.post(f"/v1/jobs/{answer.json()['job']['id']}/cancel")


async def streams(siege: Siege) -> None:
    async with httpx.AsyncClient(base_url=siege.url, headers=siege.headers, timeout=60) as client:
        jobs = (await client.get("/v1/jobs?limit=1")).json().get("items", [])
        for job in jobs:
            async with client.stream("GET", f"/v1/jobs/{job['id']}/events") as answer:
                siege.answers[answer.status_code] += 1
                await asyncio.sleep(1)


async def repeatedly(attack: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(OSError, httpx.HTTPError, asyncio.IncompleteReadError, ValueError):
            await attack()
        await asyncio.sleep(0.2)


async def attack(siege: Siege) -> None:
    """Everything, without end."""
    slow = slow_picture()
    attacks: list[Callable[[], Awaitable[None]]] = [
        *[lambda: headers_without_end(siege)] * 2,
        lambda: idle_sockets(siege),
        *[lambda: slow_body(siege)] * 10,
        *[lambda: slow_pictures(siege, slow)] * 4,
        *[lambda: streams(siege)] * 40,
    ]
    async with asyncio.TaskGroup() as group:
        for each in attacks:
            group.create_task(repeatedly(each))
        while True:
            await asyncio.sleep(1)
            print(json.dumps(siege.answers), flush=True)


if __name__ == "__main__":
    url, key, sockets = sys.argv[1:]
    asyncio.run(attack(Siege(httpx.URL(url), key, int(sockets))))
