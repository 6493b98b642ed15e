"""A process that is about to end lets go of its clients."""

from __future__ import annotations

import asyncio

import httpx
from fastapi import FastAPI

from app.api.services import Container
from app.infra.broker import Broker
from tests.support.events import parse_sse
from tests.support.pictures import files, png


async def submitted(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/styles", files=files(examples=png()))
    assert answer.status_code == 202
    job_id = answer.json()["job"]["id"]
    assert isinstance(job_id, str)
    return job_id


async def test_event_streams_end_and_can_be_resumed(live: httpx.AsyncClient) -> None:
    application: FastAPI = live.app  # type: ignore[attr-defined]
    services: Container = application.state.container
    job_id = await submitted(live)
    lines: list[str] = []
    async with asyncio.timeout(30), live.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        async for line in stream.aiter_lines():
            lines.append(line)
            if line.startswith("data:") and "queued" in line:
                application.state.closing.begin()
    (event,) = parse_sse([*lines, ""])
    assert event["data"] == {"state": "queued"}, "the stream ended by itself, with nothing made up"
    broker: Broker = services.broker
    await broker.publish_event(job_id, "state", {"state": "running"})
    async with asyncio.timeout(30):
        async for later in broker.events(job_id, after=int(event["id"])):
            assert later.data == {"state": "running"}
            break


async def test_waiting_requests_are_answered(client: httpx.AsyncClient, app: FastAPI) -> None:
    waiting = asyncio.create_task(
        client.post("/v1/styles", files=files(examples=png()), headers={"Prefer": "wait=300"})
    )
    await asyncio.sleep(0)
    app.state.closing.begin()
    async with asyncio.timeout(60):
        answer = await waiting
    assert answer.status_code == 202, "the job stands; its answer is fetched from another process"
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['job']['id']}"


async def test_it_is_not_ready_any_more(client: httpx.AsyncClient, app: FastAPI, services: Container) -> None:
    await services.broker.beat("w1", {})
    assert (await client.get("/readyz")).status_code == 200
    app.state.closing.begin()
    await asyncio.sleep(0)
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["missing"] == {"process": "stopping"}
    assert (await client.get("/livez")).status_code == 200
