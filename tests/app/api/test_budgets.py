"""What one owner can take from the others: bytes, decoders, streams, waits; over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from safetensors.numpy import save

from app.api.main import create_app
from app.api.services import Container
from app.auth.repository import list_keys
from app.images.repository import list_images
from app.infra.broker import EmbeddedServer
from app.infra.db import utcnow
from app.settings import Settings
from model.formats import METADATA_KEY, StyleHeader
from tests.app.conftest import joined
from tests.support.fake_worker import DEADLINE, ready_style, style_bytes
from tests.support.keys import key_for
from tests.support.pictures import files, png
from tests.support.problems import check_problem
from tests.support.server import serve
from tests.support.waiting import eventually


@pytest.fixture
async def bounded(settings: Settings, nats: EmbeddedServer) -> AsyncIterator[FastAPI]:
    """With keys, and little for each owner."""
    limits: dict[str, Any] = {"auth": "keys", "max_stored_bytes": 20_000, "max_streams": 2}
    app = create_app(joined(settings.model_copy(update=limits), nats))
    async with app.router.lifespan_context(app):
        yield app


def caller(app: FastAPI, headers: dict[str, str]) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers, timeout=60)


async def test_bytes_are_counted_for_each_owner(bounded: FastAPI) -> None:
    services: Container = bounded.state.container
    async with (
        caller(bounded, await key_for(services.sessions, "ada")) as ada,
        caller(bounded, await key_for(services.sessions, "bob")) as bob,
    ):
        usage = (await ada.get("/v1/usage")).json()
        assert (usage["stored_bytes"], usage["stored_bytes_limit"]) == (0, 20_000)
        last: httpx.Response | None = None
        for _ in range(10):
            last = await ada.post("/v1/styles", files=files(examples=png()))
            if last.status_code != 202:
                break
        assert last is not None
        check_problem(last, 507, "storage_exceeded")
        usage = (await ada.get("/v1/usage")).json()
        assert 0 < usage["stored_bytes"] <= 20_000 + 4096 + 1000
        assert usage["unfinished_jobs"] >= 2
        assert (await bob.post("/v1/styles", files=files(examples=png()))).status_code == 202
        image = (await ada.get("/v1/images")).json()["items"][0]
        (job,) = [
            item for item in (await ada.get("/v1/jobs")).json()["items"] if item["id"] == image["job_id"]
        ]
        assert (await ada.post(f"/v1/jobs/{job['id']}/cancel")).status_code == 200
        assert (await ada.delete(f"/v1/images/{image['id']}")).status_code == 204
        after = (await ada.get("/v1/usage")).json()
        assert after["stored_bytes"] < usage["stored_bytes"]


async def test_imports_count_as_well(bounded: FastAPI) -> None:
    services: Container = bounded.state.container
    base = await services.checkpoint.base_hash()
    async with caller(bounded, await key_for(services.sessions, "ada")) as ada:
        statuses = [
            (await ada.post("/v1/styles/import", files=files(file=style_bytes(base)))).status_code
            for _ in range(8)
        ]
    assert statuses[0] == 201
    assert statuses[-1] == 507


async def test_what_comes_at_once_is_counted_too(bounded: FastAPI) -> None:
    services: Container = bounded.state.container
    base = await services.checkpoint.base_hash()
    async with caller(bounded, await key_for(services.sessions, "ada")) as ada:
        await asyncio.gather(
            *(ada.post("/v1/styles/import", files=files(file=style_bytes(base))) for _ in range(12))
        )
    assert await services.storage.stored("ada") <= 20_000


async def test_without_keys_there_is_no_bound(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/usage")).json()["stored_bytes_limit"] is None


async def test_uploads_are_refused_while_results_still_find_room(
    client: httpx.AsyncClient, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disk:
        total, free = 10**12, 100 * 2**20

    accepted = await client.post("/v1/styles", files=files(examples=png()))
    assert accepted.status_code == 202
    monkeypatch.setattr("app.submission.storage.shutil.disk_usage", lambda _: Disk)
    monkeypatch.setattr("app.submission.storage._LOOK_EVERY", 0.0)
    refused = await client.post("/v1/styles", files=files(examples=png()))
    check_problem(refused, 503, "service_unavailable")
    assert refused.headers["retry-after"]


def import_with(base: str, **header: Any) -> bytes:
    described = json.loads(StyleHeader(base, 1, 3, 0, {"start": {"style": 1.0}}).to_json()) | header
    return save({"gamma": np.zeros(8, np.float16)}, metadata={METADATA_KEY: json.dumps(described)})


@pytest.mark.parametrize(
    "header",
    [
        {"licence": "a" * 1_000_000},
        {"licence": "a" * 201},
        {"losses": {"start": {f"loss{n}": 1.0 for n in range(1000)}}},
        {"k": 10**40},
        {"steps": -1},
        {"seed": 2**31},
    ],
    ids=["a huge licence", "a long licence", "many losses", "k", "steps", "seed"],
)
async def test_headers_of_styles_are_bounded(
    client: httpx.AsyncClient, services: Container, header: dict[str, Any]
) -> None:
    base = await services.checkpoint.base_hash()
    answer = await client.post("/v1/styles/import", files=files(file=import_with(base, **header)))
    assert answer.status_code in (413, 422)
    assert (await client.get("/v1/styles")).json()["items"] == []


async def test_no_list_is_longer_than_a_megabyte(client: httpx.AsyncClient, services: Container) -> None:
    base = await services.checkpoint.base_hash()
    long = import_with(base, losses={"start": {f"loss{n}": 1.0 for n in range(180)}})
    for _ in range(3):
        answer = await client.post("/v1/styles/import", files=files(file=long), data={"name": "n" * 200})
        assert answer.status_code == 201, answer.text
    answer = await client.get("/v1/styles", params={"limit": 100})
    assert len(answer.content) / 3 * 100 < 2**20


async def test_inputs_of_canceled_jobs_go_in_a_day_and_those_of_retries_do_not(
    client: httpx.AsyncClient, services: Container
) -> None:
    job = (await client.post("/v1/styles", files=files(examples=[png(), png()]))).json()["job"]["id"]
    assert (await client.post(f"/v1/jobs/{job}/cancel")).status_code == 200
    soon = utcnow() + timedelta(days=1, minutes=1)
    for row in await list_images(services.sessions, "local", limit=10):
        assert row.expires_at is not None
        assert row.expires_at < soon
    assert (await client.post(f"/v1/jobs/{job}/retry")).status_code == 202
    for row in await list_images(services.sessions, "local", limit=10):
        assert row.expires_at is not None
        assert row.expires_at > soon


async def test_streams_of_a_key_are_counted(settings: Settings, nats: EmbeddedServer) -> None:
    app = create_app(joined(settings.model_copy(update={"auth": "keys", "max_streams": 2}), nats))
    async with serve(app) as url, AsyncExitStack() as stack:
        services: Container = app.state.container
        ada, bob = [await key_for(services.sessions, owner) for owner in ("ada", "bob")]
        clients = {
            owner: await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers=key, timeout=DEADLINE)
            )
            for owner, key in (("ada", ada), ("bob", bob))
        }
        jobs = {}
        for owner, client in clients.items():
            answer = await client.post("/v1/styles", files=files(examples=png()))
            jobs[owner] = f"/v1/jobs/{answer.json()['job']['id']}/events"
        streams = AsyncExitStack()
        for _ in range(2):
            stream = await streams.enter_async_context(clients["ada"].stream("GET", jobs["ada"]))
            assert stream.status_code == 200
        refused = await clients["ada"].get(jobs["ada"])
        check_problem(refused, 429, "rate_limited")
        async with clients["bob"].stream("GET", jobs["bob"]) as other:
            assert other.status_code == 200
        await streams.aclose()

        async def free_again() -> bool:
            async with clients["ada"].stream("GET", jobs["ada"]) as stream:
                return bool(stream.status_code == 200)

        await eventually(free_again)


async def test_who_waits_too_often_is_answered_at_once(bounded: FastAPI) -> None:
    services: Container = bounded.state.container
    async with caller(bounded, await key_for(services.sessions, "ada")) as ada:
        with (
            services.concurrency.take("wait", (key := await key_id(services))) as one,
            services.concurrency.take("wait", key) as two,
        ):
            assert one
            assert two
            async with asyncio.timeout(DEADLINE):
                answer = await ada.post(
                    "/v1/styles", files=files(examples=png()), headers={"Prefer": "wait=300"}
                )
        assert answer.status_code == 202, "the job is made"
        assert "preference-applied" not in answer.headers


async def key_id(services: Container) -> str:
    (row,) = await list_keys(services.sessions, "ada")
    return str(row.id)


async def test_pictures_of_who_has_left_are_not_decoded(
    settings: Settings, nats: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(joined(settings, nats))
    async with serve(app) as url:
        services: Container = app.state.container
        decoder = services.intake._decoder
        begun, go = asyncio.Event(), asyncio.Event()
        decoded = 0
        normalize = decoder.normalize

        async def counted(*args: Any, **named: Any) -> Any:
            nonlocal decoded
            decoded += 1
            begun.set()
            await go.wait()
            return await normalize(*args, **named)

        monkeypatch.setattr(decoder, "normalize", counted)
        async with httpx.AsyncClient(base_url=url) as client:
            sending = asyncio.create_task(client.post("/v1/styles", files=files(examples=[png()] * 5)))
            async with asyncio.timeout(DEADLINE):
                await begun.wait()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await asyncio.sleep(0.1)
        go.set()
        async with httpx.AsyncClient(base_url=url) as client:
            await client.get("/livez")
            assert (await client.get("/v1/jobs")).json()["items"] == []
        assert decoded == 1


async def test_styles_are_applied_as_before(client: httpx.AsyncClient, fake_worker: Any) -> None:
    style = await ready_style(client, fake_worker)
    answer = await client.post("/v1/stylizations", files=files(contents=png()), data={"style_id": style})
    assert answer.status_code == 202
    job = answer.json()["job"]["id"]
    services: Container = fake_worker._services
    (pixels,) = (await services.ledger.get(job)).params["pixels"].values()
    assert pixels == 64 * 48
