"""Jobs over HTTP: read, list, cancel, follow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from nats.js import JetStreamContext
from sqlalchemy.exc import OperationalError

from app.api.services import Container
from app.auth.principal import Scope
from app.auth.repository import create_key, revoke_key
from app.infra.asyncio_utils import end
from app.jobs.events import _until_refused
from app.jobs.job import JobState
from tests.support.events import parse_sse
from tests.support.fake_worker import FakeWorker
from tests.support.keys import bearer, key_for
from tests.support.pictures import files, png
from tests.support.problems import check_problem
from tests.support.waiting import eventually


async def create(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/styles", files=files(examples=png()))
    job_id = answer.json()["job"]["id"]
    assert isinstance(job_id, str)
    return job_id


async def follow(client: httpx.AsyncClient, job_id: str, after: str | None = None) -> list[dict[str, Any]]:
    """All events until the stream ends."""
    headers = {"Last-Event-ID": after} if after else {}
    answer = await client.get(f"/v1/jobs/{job_id}/events", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    return parse_sse(answer.text.split("\n"))


def states(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["state"] for event in events if event["event"] == "state"]


async def test_jobs_are_listed_by_state(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    first, second, third = [await create(client) for _ in range(3)]
    assert (await fake_worker.do_one()).id == first
    await client.post(f"/v1/jobs/{second}/cancel")

    async def listed(query: str) -> list[str]:
        page = (await client.get(f"/v1/jobs{query}")).json()
        return [job["id"] for job in page["items"]]

    assert await listed("") == [third, second, first]
    assert await listed("?state=queued") == [third]
    assert await listed("?state=succeeded&state=canceled") == [second, first]
    assert await listed(f"?after={third}&limit=1") == [second]


async def test_cancel_a_queued_job(client: httpx.AsyncClient, services: Container) -> None:
    job_id = await create(client)
    answer = await client.post(f"/v1/jobs/{job_id}/cancel")
    assert answer.status_code == 200
    assert answer.json()["state"] == "canceled"
    assert answer.json()["error"]["code"] == "job_canceled"
    delivery = await services.broker.next_job(["adapt"], timeout=5)
    assert delivery is not None
    assert await services.ledger.begin(delivery.job_id, "w") is None, "a worker drops its message"
    assert states(await follow(client, job_id)) == ["queued", "canceled"]


async def test_cancel_a_running_job(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    job_id = await create(client)
    job, _ = await fake_worker.take()
    for _ in range(2):  # asking twice is no error
        answer = await client.post(f"/v1/jobs/{job_id}/cancel")
        assert answer.status_code == 202
        assert answer.json()["state"] == "canceling"
    assert await services.ledger.confirm_canceled(job_id, job.attempt)
    answer = await client.post(f"/v1/jobs/{job_id}/cancel")
    assert "canceled" in check_problem(answer, 409, "job_not_cancelable")["detail"]


async def test_a_finished_job_cannot_be_canceled(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    job_id = await create(client)
    await fake_worker.do_one()
    check_problem(await client.post(f"/v1/jobs/{job_id}/cancel"), 409, "job_not_cancelable")


async def test_events_from_start_to_end(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    job_id = await create(client)
    following = asyncio.create_task(follow(client, job_id))
    job, delivery = await fake_worker.take()
    for step in range(4):
        await fake_worker.progress(job, step)
    await fake_worker.finish(job, delivery)
    events = await following
    assert [event["event"] for event in events] == ["state", "state", *["progress"] * 4, "state"]
    assert states(events) == ["queued", "running", "succeeded"]
    assert [event["data"]["step"] for event in events if event["event"] == "progress"] == [0, 1, 2, 3]
    ids = [int(event["id"]) for event in events]
    assert ids == sorted(set(ids))
    assert await follow(client, job_id) == events, "a later reader gets the same"


async def test_a_reader_resumes_after_the_last_event_it_has_seen(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    job_id = await create(client)
    job, delivery = await fake_worker.take()
    await fake_worker.progress(job, 0)
    await fake_worker.finish(job, delivery)
    events = await follow(client, job_id)
    for index, event in enumerate(events[:-1]):
        assert await follow(client, job_id, after=event["id"]) == events[index + 1 :]
    assert await follow(client, job_id, after="nonsense") == events


async def test_who_has_seen_the_end_is_told_not_to_come_back(
    client: httpx.AsyncClient, fake_worker: FakeWorker, jetstream: JetStreamContext
) -> None:
    """An EventSource connects again whenever a stream ends, and stops at 204 alone."""
    job_id = await create(client)
    url = f"/v1/jobs/{job_id}/events"
    job, delivery = await fake_worker.take()
    seen = await fake_worker.progress(job, 0)
    await fake_worker.finish(job, delivery)
    events = await follow(client, job_id)
    answer = await client.get(url, headers={"Last-Event-ID": events[-1]["id"]})
    assert (answer.status_code, answer.content) == (204, b"")
    answer = await client.get(url, headers={"Last-Event-ID": "end"})
    assert answer.status_code == 204

    await jetstream.purge_stream("EVENTS")  # they have aged out
    for after in (str(seen), events[-1]["id"]):
        (final,) = await follow(client, job_id, after=after)
        assert (final["id"], final["data"]) == ("end", {"state": "succeeded"})
    other = await create(client)
    reading = asyncio.create_task(follow(client, other, after="end"))
    job, delivery = await fake_worker.take()
    await fake_worker.finish(job, delivery)
    assert states(await reading)[-1] == "succeeded", "that job was not over"


async def test_a_reader_resumes_in_the_middle_of_a_run(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    """From the sequence numbers of the stream, which other jobs' events share."""
    job_id, other = await create(client), await create(client)
    job, delivery = await fake_worker.take()
    seen = await fake_worker.progress(job, 0)
    for step in (1, 2):
        await fake_worker.progress(job, step)
        await client.post(f"/v1/jobs/{other}/cancel")
    reading = asyncio.create_task(follow(client, job_id, after=str(seen)))
    await fake_worker.finish(job, delivery)
    events = await reading
    assert [event["data"].get("step") for event in events] == [1, 2, None]
    assert int(events[0]["id"]) > seen
    assert states(events) == ["succeeded"]


async def test_resuming_after_events_that_are_gone(
    client: httpx.AsyncClient, fake_worker: FakeWorker, jetstream: JetStreamContext
) -> None:
    """Goes on with the oldest event that is left."""
    job_id = await create(client)
    job, delivery = await fake_worker.take()
    first = await fake_worker.progress(job, 0)
    last = await fake_worker.progress(job, 1)
    await jetstream.purge_stream("EVENTS", seq=last)
    await fake_worker.finish(job, delivery)
    events = await follow(client, job_id, after=str(first))
    assert [event["data"].get("step") for event in events] == [1, None]


async def test_resuming_after_an_event_that_never_was(
    client: httpx.AsyncClient, fake_worker: FakeWorker, subtests: pytest.Subtests
) -> None:
    """The storage of the queue was replaced, or the id is made up: from the start, and never a 500."""
    job_id = await create(client)
    job, delivery = await fake_worker.take()
    readers = {
        name: asyncio.create_task(follow(client, job_id, after=name))
        for name in ("999999", "9" * 30, "9" * 5000, "-1")
    }
    await fake_worker.progress(job, 0)
    await fake_worker.finish(job, delivery)
    for name, reader in readers.items():
        with subtests.test(name[:10]):
            assert states(await reader) == ["queued", "running", "succeeded"]
    for raw in (b"\xb2", b"1\xb2"):
        answer = await client.get(f"/v1/jobs/{job_id}/events", headers={b"Last-Event-ID": raw})
        assert answer.status_code == 200


async def test_a_stream_is_live_and_can_be_left(live: httpx.AsyncClient) -> None:
    """Over a real connection: events arrive while the job runs; a reader may leave."""
    services: Container = live.app.state.container  # type: ignore[attr-defined]
    fake_worker = FakeWorker(services)
    job_id = await create(live)
    async with live.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        lines: list[str] = []
        reader = stream.aiter_lines()

        async def until(event: str, count: int) -> None:
            async with asyncio.timeout(20):
                while [item["event"] for item in parse_sse(lines)].count(event) < count:
                    lines.append(await anext(reader))

        await until("state", 1)
        job, delivery = await fake_worker.take()
        await until("state", 2)
        last = await fake_worker.progress(job, 0)
        await until("progress", 1)
    assert parse_sse(lines)[-1]["id"] == str(last)

    async def rest() -> list[dict[str, Any]]:
        return await follow(live, job_id, after=str(last))

    resumed = asyncio.create_task(rest())
    await fake_worker.progress(job, 1)
    await fake_worker.finish(job, delivery)
    assert [event["event"] for event in await resumed] == ["progress", "state"]


async def test_the_stream_ends_although_the_last_event_never_comes(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.events._LOOK_EVERY", 0.1)
    job_id = await create(client)
    following = asyncio.create_task(follow(client, job_id))
    job, _ = await fake_worker.take()
    assert await services.ledger.fail(job.id, job.attempt, code="job_failed", detail="Broken: try again.")
    events = await following
    assert states(events) == ["queued", "running", "failed"]
    assert events[-1]["id"] == "end"
    answer = await client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "end"})
    assert answer.status_code == 204


@pytest.mark.parametrize("busy", [False, True])
async def test_a_stream_ends_when_the_readers_key_is_revoked(
    client: httpx.AsyncClient,
    fake_worker: FakeWorker,
    services: Container,
    monkeypatch: pytest.MonkeyPatch,
    busy: bool,
) -> None:
    opened: list[object] = []

    async def asking(allowed: Callable[[], Awaitable[bool]]) -> None:
        opened.append(allowed)
        await _until_refused(allowed)

    monkeypatch.setattr("app.jobs.events._ASK_EVERY", 0.1)
    monkeypatch.setattr("app.jobs.events._until_refused", asking)
    job_id = await create(client)
    job, _ = await fake_worker.take()
    key, text = await create_key(services.sessions, owner="local", name="", scopes=[Scope.READ])
    stays = await key_for(services.sessions, "local")

    async def events_come() -> None:
        while busy:
            await fake_worker.progress(job, 0)
            await asyncio.sleep(0.01)

    coming = asyncio.create_task(events_come())
    readers = [
        asyncio.create_task(client.get(f"/v1/jobs/{job_id}/events", headers=headers))
        for headers in (bearer(text), stays)
    ]
    try:
        await eventually(lambda: len(opened) == 2)
        async with asyncio.timeout(20):
            await revoke_key(services.sessions, key.id)
            events = parse_sse((await readers[0]).text.split("\n"))
        assert states(events) == ["queued", "running"]
        assert not readers[1].done(), "another key of the same owner reads on"
        assert (await client.get(f"/v1/jobs/{job_id}/events", headers=bearer(text))).status_code == 401
    finally:
        for task in (coming, *readers):
            await end(task)


async def test_a_stream_survives_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.jobs.events._ASK_EVERY", 0.0)
    answers: Iterator[bool | Exception] = iter([True, OperationalError("SELECT", {}, OSError("away")), False])
    given: list[bool] = []

    async def allowed() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        given.append(answer)
        return answer

    async with asyncio.timeout(10):
        await _until_refused(allowed)
    assert given == [True, False]


async def test_events_that_are_gone(
    client: httpx.AsyncClient, jetstream: JetStreamContext, fake_worker: FakeWorker
) -> None:
    job_id = await create(client)
    await fake_worker.do_one()
    await jetstream.purge_stream("EVENTS")
    assert await follow(client, job_id) == [{"id": "end", "event": "state", "data": {"state": "succeeded"}}]


async def test_many_readers_of_one_job(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    job_id = await create(client)
    readers = [asyncio.create_task(follow(client, job_id)) for _ in range(8)]
    await fake_worker.do_one()
    streams = await asyncio.gather(*readers)
    assert all(stream == streams[0] for stream in streams)
    assert states(streams[0])[-1] == "succeeded"


async def test_states_on_the_wire_are_those_of_the_ledger(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert schema["components"]["schemas"]["JobState"]["enum"] == [state.value for state in JobState]
