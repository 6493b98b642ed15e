"""Webhooks over HTTP, and their messages from the transition to the receiver."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.services import Container
from app.auth.principal import Scope
from app.auth.repository import create_key, revoke_key
from app.errors import TooManyWebhooksError
from app.ids import new_id
from app.infra.asyncio_utils import end
from app.infra.db import Sessions, utcnow
from app.jobs.job import Job, JobKind
from app.jobs.ledger import Ledger, NewJob
from app.settings import Settings
from app.webhooks.delivery_loop import Deliverer, forget_deliveries, retry_delay
from app.webhooks.http_post import Sender
from app.webhooks.outbox import write_messages
from app.webhooks.repository import delete_webhook, insert_webhook, list_webhooks, webhooks_of_key
from app.webhooks.ssrf import AddressPolicy
from app.webhooks.tables import DeliveryRow, DeliveryState, WebhookRow
from tests.app.webhooks.receiver import Names, Receiver, receiving
from tests.support.keys import bearer, key_for
from tests.support.problems import check_problem
from tests.support.waiting import eventually

NAME = "hooks.example.com"
_run = Deliverer.run


@pytest.fixture(autouse=True)
def _rounds_are_the_tests_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def idle(_: Deliverer) -> None:
        return None

    monkeypatch.setattr(Deliverer, "run", idle)


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allow_http": True, "max_webhooks": 3, "webhook_attempts": 3})


@pytest.fixture
async def deliverer(services: Container) -> AsyncIterator[Deliverer]:
    sender = Sender(AddressPolicy(["127.0.0.0/8"]), seconds=20, resolve=Names({NAME: [["127.0.0.1"]]}))
    yield Deliverer(services.sessions, sender, services.settings, services.seal)
    await sender.close()


async def created(client: httpx.AsyncClient, receiver: Receiver | None = None, **body: Any) -> dict[str, Any]:
    port = receiver.port if receiver else 80
    answer = await client.post("/v1/webhooks", json={"url": f"http://{NAME}:{port}/in", **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def failed_job(ledger: Ledger, owner: str = "local") -> Job:
    job = await ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}, owner=owner))
    assert await ledger.begin(job.id, "w")
    assert await ledger.fail(job.id, 1, code="job_failed", detail="x")
    return await ledger.get(job.id)


async def deliveries(client: httpx.AsyncClient, webhook_id: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/webhooks/{webhook_id}/deliveries")
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def due_now(services: Container) -> None:
    async with services.sessions.begin() as session:
        await session.execute(update(DeliveryRow).values(next_attempt_at=utcnow()))


async def test_create_read_change_delete(client: httpx.AsyncClient) -> None:
    one = await created(client, description="mine")
    assert one["secret"].startswith("whsec_")
    assert one["events"] == ["job.canceled", "job.expired", "job.failed", "job.succeeded"]
    path = f"/v1/webhooks/{one['id']}"
    read = (await client.get(path)).json()
    assert "secret" not in read, "shown once"
    assert read == {name: value for name, value in one.items() if name != "secret"}
    changed = (await client.patch(path, json={"events": ["job.started"], "enabled": False})).json()
    assert (changed["events"], changed["enabled"], changed["description"]) == (["job.started"], False, "mine")
    assert (await client.patch(path, json={"description": None})).json()["description"] is None
    two = await created(client)
    page = (await client.get("/v1/webhooks", params={"limit": 1})).json()
    assert [item["id"] for item in page["items"]] == [two["id"]]
    page = (await client.get("/v1/webhooks", params={"after": page["next"]})).json()
    assert ([item["id"] for item in page["items"]], page["next"]) == ([one["id"]], None)
    assert (await client.delete(path)).status_code == 204
    check_problem(await client.get(path), 404, "webhook_not_found")
    check_problem(await client.delete(path), 404, "webhook_not_found")
    check_problem(await client.patch(path, json={"enabled": True}), 404, "webhook_not_found")
    check_problem(await client.get(f"{path}/deliveries"), 404, "webhook_not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "https://127.0.0.1/"}, "webhook_url_refused"),
        ({"url": "https://2130706433/"}, "webhook_url_refused"),
        ({"url": "https://[::1]/"}, "webhook_url_refused"),
        ({"url": "https://localhost/"}, "webhook_url_refused"),
        ({"url": "https://LOCALHOST.:8443/"}, "webhook_url_refused"),
        ({"url": "https://app.localhost/"}, "webhook_url_refused"),
        ({"url": "https://printer.local/"}, "webhook_url_refused"),
        ({"url": "https://metadata.google.internal/"}, "webhook_url_refused"),
        ({"url": "https://intranet/"}, "webhook_url_refused"),
        ({"url": "https://127.0.0.1./"}, "webhook_url_refused"),
        ({"url": "https://a:b@example.com/"}, "webhook_url_refused"),
        ({"url": "file:///etc/passwd"}, "validation_failed"),
        ({"url": "nonsense"}, "validation_failed"),
        ({"url": "https://example.com/", "events": []}, "validation_failed"),
        ({"url": "https://example.com/", "events": ["job.bored"]}, "validation_failed"),
        ({"url": "https://example.com/", "secret": "mine"}, "validation_failed"),
        ({}, "validation_failed"),
    ],
)
async def test_what_is_refused(client: httpx.AsyncClient, body: dict[str, Any], code: str) -> None:
    check_problem(await client.post("/v1/webhooks", json=body), 422, code)
    assert (await client.get("/v1/webhooks")).json()["items"] == []


async def test_who_may_not_read_is_told_nothing_by_a_webhook(
    client: httpx.AsyncClient, services: Container
) -> None:
    writer = await key_for(services.sessions, "ada", [Scope.WRITE])
    answer = await client.post("/v1/webhooks", json={"url": "https://a.example/"}, headers=writer)
    check_problem(answer, 403, "scope_missing")
    both = await key_for(services.sessions, "ada")
    made = await client.post("/v1/webhooks", json={"url": "https://a.example/"}, headers=both)
    path = f"/v1/webhooks/{made.json()['id']}"
    change = {"url": "https://b.example/"}
    check_problem(await client.patch(path, json=change, headers=writer), 403, "scope_missing")
    check_problem(await client.post(f"{path}/secret", headers=writer), 403, "scope_missing")


async def test_webhooks_of_a_revoked_key_are_known_and_can_be_ended(
    client: httpx.AsyncClient, services: Container
) -> None:
    row, text = await create_key(services.sessions, owner="ada", name="", scopes=[Scope.READ, Scope.WRITE])
    other = await key_for(services.sessions, "ada")
    for headers in (bearer(text), other):
        made = await client.post("/v1/webhooks", json={"url": "https://a.example/"}, headers=headers)
        assert made.status_code == 201
    items = (await client.get("/v1/webhooks", headers=other)).json()["items"]
    first = items[-1]["id"]
    await revoke_key(services.sessions, row.id)
    assert await webhooks_of_key(services.sessions, row.id) == [first]
    assert await webhooks_of_key(services.sessions, row.id, disable=True) == [first]
    enabled = {
        item["id"]: item["enabled"]
        for item in (await client.get("/v1/webhooks", headers=other)).json()["items"]
    }
    assert enabled == {first: False, items[0]["id"]: True}
    assert await webhooks_of_key(services.sessions, row.id) == []


async def test_there_is_a_limit(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await created(client)
    answer = await client.post("/v1/webhooks", json={"url": "https://example.com/"})
    check_problem(answer, 409, "too_many_webhooks")
    assert len((await client.get("/v1/webhooks")).json()["items"]) == 3


async def test_the_limit_holds_for_webhooks_that_are_made_at_once(sessions: Sessions) -> None:
    def row() -> WebhookRow:
        url = "https://example.com/"
        return WebhookRow(
            id=new_id("whk"), owner="eve", url=url, events=[], secret="whsec_AAAA", created_at=utcnow()
        )

    made = await asyncio.gather(
        *(insert_webhook(sessions, row(), limit=3) for _ in range(12)), return_exceptions=True
    )
    assert [type(answer) for answer in made if answer is not None] == [TooManyWebhooksError] * 9
    assert len(await list_webhooks(sessions, "eve", limit=20, after=None)) == 3


async def test_a_webhook_that_is_deleted_in_a_transition_does_not_stop_it(
    sessions: Sessions, ledger: Ledger, engine: AsyncEngine
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer")
    webhook_id = new_id("whk")
    async with sessions.begin() as session:
        url = {"url": "https://example.com/", "secret": "whsec_AAAA"}
        events = ["job.failed"]
        session.add(WebhookRow(id=webhook_id, owner="ann", **url, events=events, created_at=utcnow()))
    job = await failed_job(ledger, "bob")

    async def waits() -> bool:
        async with engine.connect() as connection:
            locks = await connection.execute(text("SELECT 1 FROM pg_locks WHERE NOT granted"))
            return deleting.done() or locks.first() is not None

    async with sessions.begin() as session:
        await write_messages(session, dataclasses.replace(job, owner="ann"))
        deleting = asyncio.create_task(delete_webhook(sessions, "ann", webhook_id))
        await eventually(waits)
    await deleting
    async with sessions() as session:
        assert (await session.scalars(select(DeliveryRow))).all() == []


async def test_a_message_about_a_job_is_signed_and_logged(
    client: httpx.AsyncClient, services: Container, deliverer: Deliverer
) -> None:
    async with receiving() as receiver:
        webhook = await created(client, receiver, events=["job.failed", "job.started"])
        job = await failed_job(services.ledger)
        assert await deliverer.deliver_due() == 2
    bodies = {(body := json.loads(request.body))["type"]: body for request in receiver.requests}
    assert bodies.keys() == {"job.started", "job.failed"}
    data = bodies["job.failed"]["data"]
    assert data == (await client.get(f"/v1/jobs/{job.id}")).json()
    assert bodies["job.failed"]["timestamp"].endswith("Z")
    key = base64.b64decode(webhook["secret"].removeprefix("whsec_"))
    for request in receiver.requests:
        signed = ".".join(
            [request.headers["webhook-id"], request.headers["webhook-timestamp"], request.body]
        ).encode()
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert request.headers["webhook-signature"] == f"v1,{expected}"
    for item in await deliveries(client, webhook["id"]):
        assert (item["state"], item["next_attempt_at"], item["job_id"]) == ("delivered", None, job.id)
        assert [(attempt["status"], attempt["error"]) for attempt in item["attempts"]] == [(204, None)]
    assert await deliverer.deliver_due() == 0


async def test_only_what_is_wanted_and_only_ones_own(client: httpx.AsyncClient, services: Container) -> None:
    finished = await created(client, events=["job.succeeded"])
    failed = await created(client, events=["job.failed"])
    silent = await created(client, events=["job.failed"])
    await client.patch(f"/v1/webhooks/{silent['id']}", json={"enabled": False})
    await failed_job(services.ledger)
    await failed_job(services.ledger, owner="somebody else")
    counts = [len(await deliveries(client, webhook["id"])) for webhook in (finished, failed, silent)]
    assert counts == [0, 1, 0]


async def test_a_transition_that_is_rolled_back_tells_nobody(
    client: httpx.AsyncClient, services: Container
) -> None:
    webhook = await created(client)
    job = await services.ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}))
    assert await services.ledger.begin(job.id, "w")

    async def broken(_: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await services.ledger.succeed(job.id, 1, {}, effects=broken)
    assert not await services.ledger.fail(job.id, 7, code="job_failed", detail="fenced out")
    assert await deliveries(client, webhook["id"]) == []
    assert await services.ledger.succeed(job.id, 1, {})
    assert [item["event"] for item in await deliveries(client, webhook["id"])] == ["job.succeeded"]


async def test_failures_come_again_later_until_they_are_given_up(
    client: httpx.AsyncClient, services: Container, deliverer: Deliverer
) -> None:
    async with receiving("500 Oops") as receiver:
        webhook = await created(client, receiver)
        await failed_job(services.ledger)
        assert await deliverer.deliver_due() == 1
        (item,) = await deliveries(client, webhook["id"])
        assert item["state"] == "pending"
        assert await deliverer.deliver_due() == 0, "not at once"
        for _ in range(2):
            await due_now(services)
            assert await deliverer.deliver_due() == 1
        (item,) = await deliveries(client, webhook["id"])
        assert (item["state"], len(item["attempts"])) == ("failed", 3)
        await due_now(services)
        assert await deliverer.deliver_due() == 0
        assert (await client.get(f"/v1/webhooks/{webhook['id']}")).json()["failures"] == 3
        assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
        assert len({request.body for request in receiver.requests}) == 1

        receiver.statuses = ["200 OK"]
        path = f"/v1/webhooks/{webhook['id']}/deliveries/{item['id']}/redeliver"
        answer = await client.post(path)
        assert (answer.status_code, answer.json()["state"]) == (202, "pending")
        assert await deliverer.deliver_due() == 1
        (item,) = await deliveries(client, webhook["id"])
        assert (item["state"], len(item["attempts"])) == ("delivered", 4)
        assert (await client.get(f"/v1/webhooks/{webhook['id']}")).json()["failures"] == 0
        check_problem(await client.post(path.replace("msg_", "msg_x")), 404, "delivery_not_found")


@pytest.mark.parametrize(
    ("status", "limit", "reason"), [("410 Gone", 100, "410"), ("503 Busy", 2, "2 attempts")]
)
async def test_a_webhook_that_never_works_is_disabled(
    client: httpx.AsyncClient, services: Container, deliverer: Deliverer, status: str, limit: int, reason: str
) -> None:
    services.settings.webhook_disable_after = limit
    async with receiving(status) as receiver:
        webhook = await created(client, receiver)
        await failed_job(services.ledger)
        for _ in range(2):
            await deliverer.deliver_due()
            await due_now(services)
        read = (await client.get(f"/v1/webhooks/{webhook['id']}")).json()
        assert read["enabled"] is False
        assert reason in read["disabled_reason"]
        assert await deliverer.deliver_due() == 0
        sent = len(receiver.requests)
        await failed_job(services.ledger)
        assert len(await deliveries(client, webhook["id"])) == 1, "nothing new is written for it"
        read = (await client.patch(f"/v1/webhooks/{webhook['id']}", json={"enabled": True})).json()
        assert (read["enabled"], read["disabled_reason"], read["failures"]) == (True, None, 0)
        assert len(receiver.requests) == sent


async def test_two_processes_send_a_message_once(
    client: httpx.AsyncClient, services: Container, deliverer: Deliverer
) -> None:
    async with receiving() as receiver:
        await created(client, receiver)
        for _ in range(3):
            await failed_job(services.ledger)
        sender = deliverer._sender
        other = Deliverer(services.sessions, sender, services.settings, services.seal)
        started = [await deliverer.start_due(), await other.start_due()]
        assert sum(started) == 3
        await deliverer.deliver_due()
        await other.deliver_due()
    assert len(receiver.requests) == 3


async def test_a_process_that_dies_in_an_attempt_does_not_take_the_message_along(
    client: httpx.AsyncClient, services: Container, deliverer: Deliverer
) -> None:
    async with receiving() as receiver:
        webhook = await created(client, receiver)
        await failed_job(services.ledger)
        assert len(await deliverer._claim_due()) == 1  # and then it was killed
        assert await deliverer.deliver_due() == 0, "claimed"
        (item,) = await deliveries(client, webhook["id"])
        assert item["next_attempt_at"] > item["created_at"]
        await due_now(services)
        assert await deliverer.deliver_due() == 1
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("503 Unavailable\r\nRetry-After: 7000", (6990, 7010)),
        ("429 Too Many\r\nretry-after: 7000", (6990, 7010)),
        ("503 Unavailable\r\nRetry-After: {in_three_hours}", (10700, 10801)),
        ("503 Unavailable\r\nRetry-After: 999999999999", (43190, 43210)),
        ("503 Unavailable\r\nRetry-After: 0", (3, 7)),
        ("503 Unavailable\r\nRetry-After: soon", (3, 7)),
        ("503 Unavailable\r\nRetry-After: Mon, 01 Jan 0000 00:00:00 GMT", (3, 7)),
    ],
    ids=["seconds", "small letters", "date", "too far", "now", "no time", "no date"],
)
async def test_a_receiver_says_when_to_come_again(
    client: httpx.AsyncClient, services: Container, deliverer: Deliverer, said: str, seconds: tuple[int, int]
) -> None:
    in_three_hours = format_datetime(utcnow() + timedelta(hours=3), usegmt=True)
    async with receiving(said.format(in_three_hours=in_three_hours)) as receiver:
        webhook = await created(client, receiver)
        await failed_job(services.ledger)
        before = utcnow()
        assert await deliverer.deliver_due() == 1
        (item,) = await deliveries(client, webhook["id"])
        wait = (datetime.fromisoformat(item["next_attempt_at"]) - before).total_seconds()
        assert seconds[0] <= wait <= seconds[1]


async def test_a_slow_receiver_leaves_room_for_others(
    client: httpx.AsyncClient, services: Container, deliverer: Deliverer
) -> None:
    async with receiving("silence") as slow, receiving() as quick:
        await created(client, slow)
        for _ in range(20):
            await failed_job(services.ledger)
        await created(client, quick)
        await failed_job(services.ledger)
        await deliverer.start_due()
        told = Counter(claim.webhook_id for claim in deliverer._running.values())
        assert max(told.values()) <= 4
        while not quick.requests:
            await deliverer.start_due()
            await _breathe()
        assert len(slow.requests) <= 4
        for task in list(deliverer._running):
            task.cancel()
        while deliverer._running:
            await _breathe()


async def _breathe() -> None:
    await asyncio.sleep(0.02)


async def backlog(services: Container, owner: str, messages: int, port: int, age: float = 0.0) -> str:
    """A webhook of ``owner`` with so many messages, due for ``age`` seconds; its id."""
    webhook_id, since = new_id("whk"), utcnow() - timedelta(seconds=age)
    async with services.sessions.begin() as session:
        url = f"http://{NAME}:{port}/in"
        session.add(
            WebhookRow(id=webhook_id, owner=owner, url=url, events=[], secret="whsec_AAAA", created_at=since)
        )
        await session.flush()
        for _ in range(messages):
            message = {
                "id": new_id("msg"),
                "webhook_id": webhook_id,
                "event": "job.failed",
                "job_id": "job_x",
            }
            state = {"state": DeliveryState.PENDING, "next_attempt_at": since, "created_at": since}
            session.add(DeliveryRow(**message, **state, body="{}", log=[]))
    return webhook_id


async def test_a_backlog_goes_out_as_fast_as_it_is_taken(services: Container, deliverer: Deliverer) -> None:
    """Not four messages at each look: here there is one look, and then an hour."""
    services.settings.webhook_poll = 3600.0
    async with receiving() as receiver:
        await backlog(services, "ann", 20, receiver.port)
        running = asyncio.create_task(_run(deliverer))
        try:
            await eventually(lambda: len(receiver.requests) == 20)
        finally:
            await end(running)


async def test_one_webhooks_backlog_does_not_hide_the_messages_of_others(
    services: Container, deliverer: Deliverer
) -> None:
    await backlog(services, "ann", 100, 80, age=60)
    bobs = await backlog(services, "bob", 1, 80)
    assert bobs in [claim.webhook_id for claim in await deliverer._claim_due()]


async def test_an_owner_whose_receivers_are_slow_leaves_room_for_other_owners(
    services: Container, deliverer: Deliverer
) -> None:
    async with receiving("silence") as slow:
        for _ in range(20):
            await backlog(services, "ann", 2, slow.port, age=60)
        assert await deliverer.start_due() == 8, "as many as one owner is told at once"
        assert await deliverer.start_due() == 0
        bobs = await backlog(services, "bob", 1, slow.port)
        assert await deliverer.start_due() == 1
        assert bobs in [claim.webhook_id for claim in deliverer._running.values()]
        for task in list(deliverer._running):
            await end(task)


async def test_old_messages_are_forgotten(client: httpx.AsyncClient, services: Container) -> None:
    webhook = await created(client)
    await failed_job(services.ledger)
    await failed_job(services.ledger)
    async with services.sessions.begin() as session:
        first = (await session.scalars(select(DeliveryRow).order_by(DeliveryRow.id))).first()
        assert first is not None
        first.created_at -= timedelta(days=31)
    async with services.sessions.begin() as session:
        assert (await forget_deliveries(services.settings)(session))[0] == 1
    assert len(await deliveries(client, webhook["id"])) == 1
    assert (await client.delete(f"/v1/webhooks/{webhook['id']}")).status_code == 204
    async with services.sessions() as session:
        assert (await session.scalars(select(DeliveryRow))).all() == []
        assert (await session.scalars(select(WebhookRow))).all() == []


def test_delays_grow_and_are_spread() -> None:
    for attempt, centre in ((1, 5.0), (2, 20.0), (3, 80.0), (20, 12 * 3600.0)):
        delays = [retry_delay(attempt, 5.0) for _ in range(200)]
        assert all(0.8 * centre <= delay <= 1.2 * centre for delay in delays)
        assert len(set(delays)) > 100
