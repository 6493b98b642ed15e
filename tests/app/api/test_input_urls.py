"""Inputs by address: fetched from hosts that are allowed, and refused in a sentence from all others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.api.services import Container
from app.settings import Settings
from app.submission.fetch import Fetcher
from tests.support.fake_worker import FakeWorker, ready_style
from tests.support.pictures import files, png
from tests.support.problems import check_problem

PAGES: dict[str, bytes | str] = {
    "/a.png": png(),
    "/b.png": png(seed=1),
    "/page": b"<html>no picture</html>",
    "/moved": "/a.png",
    "/private": "http://127.0.0.1:1/a.png",
    "/elsewhere": "http://other.example/a.png",
    "/round": "/round",
    "/large": b"x" * 3000,
    "/silent": "",
}


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """A server of ``PAGES`` on loopback; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            page = PAGES.get(head.split(" ")[1].partition("?")[0])
            if page == "":
                await reader.read()
            elif page is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            elif isinstance(page, str):
                writer.write(f"HTTP/1.1 302 Found\r\nLocation: {page}\r\nContent-Length: 0\r\n\r\n".encode())
            else:  # no length: it is counted as it comes
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + page)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


NAMES = {"img.example": "127.0.0.1", "a.cdn.example": "127.0.0.1", "b.cdn.example": "10.0.0.1"}


async def look_up(host: str, _port: int) -> list[str]:
    if host not in NAMES:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return [NAMES[host]]


@pytest.fixture
async def site(app: FastAPI, services: Container) -> AsyncIterator[str]:
    """The address of a host that this service may fetch from; it is on loopback, which is allowed."""
    allowed = {
        "input_hosts": ("img.example", "*.cdn.example"),
        "input_allow_http": True,
        "input_allowed_networks": ("127.0.0.1/32",),
        "input_seconds": 1.0,
        "max_upload_bytes": 2048,
    }
    async with serving() as port:
        changed = services.settings.model_copy(update=allowed)
        fetcher = Fetcher(changed, resolve=look_up)
        app.state.container = replace(services, settings=changed, fetcher=fetcher)
        yield f"http://img.example:{port}"
        await fetcher.close()


async def test_examples_and_a_photo_come_from_addresses(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, site: str
) -> None:
    addresses = {"examples_url": [f"{site}/a.png", f"{site}/moved?signed=1"], "content_url": f"{site}/b.png"}
    answer = await client.post("/v1/stylize", data=addresses, files=files(examples=png(seed=2)))
    assert answer.status_code == 202, answer.text
    job = await services.ledger.get(answer.json()["job"]["id"])
    assert len(job.params["examples"]) == 3
    assert answer.json()["stylization"]["items"][0]["name"] == "b.png"
    assert (await fake_worker.do_one()).state == "succeeded"


async def test_contents_of_a_stylization_come_after_the_files(
    client: httpx.AsyncClient, fake_worker: FakeWorker, site: str
) -> None:
    style = await ready_style(client, fake_worker)
    answer = await client.post(
        "/v1/stylizations",
        data={"style_id": style, "contents_url": [site.replace("img", "a.cdn") + "/b.png", f"{site}/page"]},
        files=files(contents=png()),
    )
    assert answer.status_code == 202, answer.text
    items = answer.json()["stylization"]["items"]
    assert [item["name"] for item in items] == ["0.jpg", "b.png", "page"]
    assert items[2]["error"]["code"] == "image_format_unsupported"


async def test_the_same_addresses_are_the_same_request(client: httpx.AsyncClient, site: str) -> None:
    key = {"Idempotency-Key": "one"}
    form = {"name": (None, "x")}  # multipart, without a file

    async def learn(url: str) -> httpx.Response:
        return await client.post("/v1/styles", data={"examples_url": url}, files=form, headers=key)

    first, again = await learn(f"{site}/a.png"), await learn(f"{site}/a.png")
    assert (first.status_code, again.json()["style"]["id"]) == (202, first.json()["style"]["id"])
    check_problem(await learn(f"{site}/b.png"), 422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("url", "status", "code", "part"),
    [
        ("SITE/page", 415, "image_format_unsupported", "File 1 of `examples`"),
        ("SITE/none.png", 422, "input_url_unreachable", "status 404"),
        ("SITE/round", 422, "input_url_unreachable", "3 redirects"),
        ("SITE/large", 413, "file_too_large", "larger than"),
        ("SITE/silent?token=secret", 422, "input_url_timeout", "within 1 s"),
        ("SITE/private", 422, "input_url_refused", "127.0.0.1, which is not allowed"),
        ("SITE/elsewhere", 422, "input_url_refused", "other.example, which is not allowed"),
        ("http://b.cdn.example/a.png", 422, "input_url_refused", "not on the public internet"),
        ("http://cdn.example/a.png", 422, "input_url_refused", "cdn.example, which is not allowed"),
        ("http://img.example:1/a.png", 422, "input_url_unreachable", "could not be fetched"),
        ("http://gone.cdn.example/a.png", 422, "input_url_unreachable", "could not be fetched"),
        ("ftp://img.example/a.png", 422, "input_url_refused", "https://"),
        ("http://me:secret@img.example/a.png", 422, "input_url_refused", "password"),
        ("http://img.example:port/a.png", 422, "input_url_refused", "is no address"),
        ("http://[/a.png", 422, "input_url_refused", "is no address"),
        ("http://img.example/\r\nX: y", 422, "input_url_refused", "is no address"),
        ("", 422, "input_url_refused", "https://"),
    ],
)
async def test_what_does_not_come_is_told(
    client: httpx.AsyncClient, services: Container, site: str, url: str, status: int, code: str, part: str
) -> None:
    form = {"name": (None, "x")}
    data = {"examples_url": url.replace("SITE", site)}
    answer = await client.post("/v1/styles", data=data, files=form)
    check_problem(answer, status, code)
    assert part in answer.json()["detail"]
    assert "token" not in answer.text, "a query may be a secret"
    assert (await client.get("/v1/jobs")).json()["items"] == []


async def test_nothing_is_fetched_unless_the_operator_allows_it(client: httpx.AsyncClient) -> None:
    data: dict[str, Any] = {"examples_url": "https://example.com/a.png"}
    answer = await client.post("/v1/styles", data=data, files={"name": (None, "x")})
    check_problem(answer, 422, "input_urls_off")


async def test_addresses_count_as_files(client: httpx.AsyncClient, site: str) -> None:
    data = {"examples_url": [f"{site}/a.png"] * 16}
    answer = await client.post("/v1/styles", data=data, files=files(examples=png()))
    check_problem(answer, 422, "too_many_files")
    neither = await client.post("/v1/styles", files={"name": (None, "x")})
    check_problem(neither, 422, "files_missing")


def test_hosts_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEWSTROKE_INPUT_HOSTS", "IMG.example, *.cdn.example")
    assert Settings().input_hosts == ("img.example", "*.cdn.example")
