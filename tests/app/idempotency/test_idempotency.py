"""`Idempotency-Key`: sent again, a request makes nothing again, whatever happened to the first answer."""

from __future__ import annotations

import asyncio
from contextvars import Context
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.api.services import Container
from app.idempotency.tables import IdempotencyKeyRow
from app.infra.db import utcnow
from app.jobs.tables import JobRow
from app.styles.tables import StyleRow
from tests.support.database import nothing_stored
from tests.support.fake_worker import FakeWorker, ready_style, style_bytes
from tests.support.pictures import files, png
from tests.support.problems import check_problem

KEY = {"Idempotency-Key": "7f3c9a52-5a0f-4d7e-9c1b-3f1f0c9f2a11"}


async def jobs(services: Container) -> int:
    async with services.sessions() as session:
        return await session.scalar(select(func.count()).select_from(JobRow)) or 0


async def create(client: httpx.AsyncClient, **how: Any) -> httpx.Response:
    request = {"files": files(examples=png()), "data": {"name": "Waves"}, "headers": KEY, **how}
    return await client.post("/v1/styles", **request)


async def test_the_second_request_finds_the_job_of_the_first(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    first = await create(client)
    assert first.status_code == 202
    assert "idempotency-replayed" not in first.headers
    blobs = await services.blobs.keys()
    second = await create(client)
    assert second.status_code == 202
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == first.json()
    assert second.headers["location"] == first.headers["location"]
    assert await jobs(services) == 1
    assert await services.blobs.keys() == blobs

    await fake_worker.do_one()
    third = await create(client, headers={**KEY, "Prefer": "wait=5"})
    assert (third.status_code, third.headers["idempotency-replayed"]) == (200, "true")
    assert third.json()["style"]["status"] == "ready", "answered with the present state"


async def test_every_call_that_makes_something(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, subtests: pytest.Subtests
) -> None:
    style = await ready_style(client, fake_worker)
    file = style_bytes(await services.checkpoint.base_hash())
    doomed = (await client.post("/v1/styles", files=files(examples=png()))).json()["job"]["id"]
    await client.post(f"/v1/jobs/{doomed}/cancel")
    calls: dict[str, dict[str, Any]] = {
        "/v1/styles": {"files": files(examples=png())},
        "/v1/styles/import": {"files": files(file=file)},
        "/v1/stylizations": {"files": files(contents=png()), "data": {"style_id": style}},
        "/v1/stylize": {"files": files(examples=png(), content=png())},
        f"/v1/jobs/{doomed}/retry": {},
    }
    for number, (path, request) in enumerate(calls.items()):
        with subtests.test(path):
            headers = {"Idempotency-Key": f"key-{number}"}
            first = await client.post(path, **request, headers=headers)
            assert first.status_code in (201, 202), first.text
            second = await client.post(path, **request, headers=headers)
            assert second.status_code == first.status_code
            assert second.headers["idempotency-replayed"] == "true"
            assert second.json() == first.json()


async def test_another_body_under_the_same_key(
    client: httpx.AsyncClient, services: Container, subtests: pytest.Subtests
) -> None:
    assert (await create(client)).status_code == 202
    others: dict[str, dict[str, Any]] = {
        "value": {"data": {"name": "Other"}},
        "one value more": {"data": {"name": "Waves", "seed": "1"}},
        "bytes": {"files": files(examples=png(seed=1))},
        "one file more": {"files": files(examples=[png(), png()])},
        "field": {"files": files(examples=png(), contents=png())},
    }
    for name, how in others.items():
        with subtests.test(name):
            check_problem(await create(client, **how), 422, "idempotency_key_reused")
    other = await client.post("/v1/stylize", files=files(examples=png(), content=png()), headers=KEY)
    check_problem(other, 422, "idempotency_key_reused")
    renamed = [("examples", ("another-name.png", png(), "image/png"))]
    assert (await create(client, files=renamed)).headers["idempotency-replayed"] == "true"
    assert await jobs(services) == 1


async def test_while_the_first_request_is_in_flight(
    client: httpx.AsyncClient, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    normalize = services.intake._decoder.normalize

    async def slow(*given: Any, **how: Any) -> Any:
        entered.set()
        await go_on.wait()
        return await normalize(*given, **how)

    monkeypatch.setattr(services.intake._decoder, "normalize", slow)
    first = asyncio.create_task(create(client))
    await entered.wait()
    second = await create(client)
    check_problem(second, 409, "idempotency_key_in_use")
    assert int(second.headers["retry-after"]) > 0
    go_on.set()
    assert (await first).status_code == 202
    assert (await create(client)).headers["idempotency-replayed"] == "true"
    assert await jobs(services) == 1


async def test_many_at_once_make_one_job(client: httpx.AsyncClient, services: Container) -> None:
    answers = await asyncio.gather(*(create(client) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert sum(answer.status_code == 202 for answer in answers) >= 1
    assert await jobs(services) == 1


async def test_a_refused_request_frees_its_key(client: httpx.AsyncClient, services: Container) -> None:
    check_problem(await create(client, data={"steps": "-1"}), 422, "validation_failed")
    check_problem(await create(client, files=files(examples=b"nothing" * 9)), 415, "image_format_unsupported")
    assert await nothing_stored(services)
    assert (await create(client)).status_code == 202


@pytest.mark.parametrize("until", [0, 3], ids=["run out", "of a clock that has gone back"])
async def test_a_process_that_died_before_it_made_anything(
    client: httpx.AsyncClient, services: Container, monkeypatch: pytest.MonkeyPatch, until: int
) -> None:
    """Its claim stands until it runs out; then the retry does the work. So it does when the claim ends in
    ``until`` hours: no claim lasts so long."""

    async def died(*_: object) -> None:
        raise KeyboardInterrupt  # no handler answers, as after SIGKILL

    async def not_released(*_: object) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(services.jobs, "create", died)
        patch.setattr(services.idempotency, "_release", not_released)
        with pytest.raises(BaseException):  # noqa: B017, PT011
            await create(client)
    check_problem(await create(client), 409, "idempotency_key_in_use")
    async with services.sessions.begin() as session:
        ends = utcnow() + timedelta(hours=until)
        await session.execute(update(IdempotencyKeyRow).values(claimed_until=ends))
    answer = await create(client)
    assert answer.status_code == 202
    assert "idempotency-replayed" not in answer.headers
    assert await jobs(services) == 1


async def test_a_claim_that_was_taken_over_makes_nothing(
    client: httpx.AsyncClient, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was frozen for longer than its claim wakes up after the retry has done the work."""
    create_job = services.jobs.create

    async def take_over() -> None:
        async with services.sessions.begin() as session:
            await session.execute(update(IdempotencyKeyRow).values(claim="somebody else's"))

    async def overtaken(new: Any) -> Any:
        # In a context of its own, as in another process: it is no transaction of this request.
        await asyncio.create_task(take_over(), context=Context())
        return await create_job(new)

    monkeypatch.setattr(services.jobs, "create", overtaken)
    check_problem(await create(client), 409, "idempotency_key_in_use")
    assert await jobs(services) == 0
    assert await services.blobs.keys() == []
    async with services.sessions() as session:
        assert (await session.scalars(select(IdempotencyKeyRow.claim))).all() == ["somebody else's"]


async def test_keys_are_kept_for_a_day(client: httpx.AsyncClient, services: Container) -> None:
    await create(client)

    async def age(**by: float) -> None:
        async with services.sessions.begin() as session:
            await session.execute(update(IdempotencyKeyRow).values(created_at=utcnow() - timedelta(**by)))

    await age(hours=23)
    assert (await create(client)).headers["idempotency-replayed"] == "true"
    await age(hours=25)
    assert "idempotency-replayed" not in (await create(client)).headers
    assert await jobs(services) == 2


async def test_a_full_queue_still_answers_a_repeated_request(
    client: httpx.AsyncClient, services: Container
) -> None:
    await create(client)
    services.jobs._max_active = 1
    assert (await create(client)).headers["idempotency-replayed"] == "true"
    check_problem(await create(client, headers={"Idempotency-Key": "new"}), 429, "queue_full")


async def test_keys_of_other_owners_are_other_keys(client: httpx.AsyncClient, services: Container) -> None:
    await create(client)
    async with services.sessions.begin() as session:
        await session.execute(update(IdempotencyKeyRow).values(owner="somebody"))
        await session.execute(update(StyleRow).values(owner="somebody"))
        await session.execute(update(JobRow).values(owner="somebody"))
    assert "idempotency-replayed" not in (await create(client)).headers


async def test_bad_keys(client: httpx.AsyncClient, services: Container) -> None:
    for key in ("", "x" * 256, "tab\there"):
        check_problem(await create(client, headers={"Idempotency-Key": key}), 400, "idempotency_key_invalid")
    assert await nothing_stored(services)
