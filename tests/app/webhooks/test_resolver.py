"""Names of receivers: slow ones of one owner hold up nobody else's messages."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from app.ids import new_id
from app.infra.db import Sessions, utcnow
from app.infra.secrets_at_rest import Seal
from app.settings import Settings
from app.webhooks import resolver as resolver_module
from app.webhooks.delivery_loop import Deliverer
from app.webhooks.http_post import Sender
from app.webhooks.resolver import NameUnresolvedError, Resolver, asking_for
from app.webhooks.signing import new_secret
from app.webhooks.ssrf import AddressPolicy
from app.webhooks.tables import DeliveryRow, DeliveryState, WebhookRow
from tests.app.webhooks.receiver import receiving
from tests.support.fake_worker import DEADLINE


class SystemResolver:
    """Answers at once for ``fast`` names, and for ``slow`` ones when it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host.startswith("slow"):
            self.let_go.wait()
        if host.startswith("none"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return ["127.0.0.1"]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[SystemResolver]:
    monkeypatch.setattr(resolver_module, "_SECONDS", 0.2)
    system = SystemResolver()
    yield system
    system.let_go.set()


async def test_one_owner_has_two_look_ups_at_a_time(system: SystemResolver) -> None:
    resolver = Resolver(system)

    async def ask(owner: str, host: str) -> list[str]:
        with asking_for(owner):
            return await resolver.look_up(host, 443)

    slow = [asyncio.create_task(ask("bob", f"slow{n}.example")) for n in range(40)]
    await asyncio.sleep(0.05)
    assert len(system.asked) == 2
    async with asyncio.timeout(DEADLINE):
        assert await ask("ada", "fast.example") == ["127.0.0.1"]
    ended = await asyncio.gather(*slow, return_exceptions=True)
    assert all(isinstance(error, NameUnresolvedError) for error in ended)
    assert len(system.asked) == 3, "the threads that hang keep their turns"


async def test_what_failed_is_not_asked_again_at_once(system: SystemResolver) -> None:
    now = [0.0]
    resolver = Resolver(system, clock=lambda: now[0])
    for _ in range(3):
        with pytest.raises(socket.gaierror):
            await resolver.look_up("none.example", 443)
    assert system.asked == ["none.example"]
    now[0] = 31.0
    with pytest.raises(socket.gaierror):
        await resolver.look_up("none.example", 443)
    assert len(system.asked) == 2


async def webhook(sessions: Sessions, owner: str, host: str, port: int, messages: int) -> str:
    now, webhook_id = utcnow(), new_id("whk")
    async with sessions.begin() as session:
        session.add(
            WebhookRow(
                id=webhook_id,
                owner=owner,
                url=f"http://{host}:{port}/",
                events=[],
                secret=new_secret(),
                enabled=True,
                failures=0,
                created_at=now,
            )
        )
        await session.flush()
        for _ in range(messages):
            session.add(
                DeliveryRow(
                    id=new_id("msg"),
                    webhook_id=webhook_id,
                    event="job.failed",
                    job_id="job_x",
                    body="{}",
                    state=DeliveryState.PENDING,
                    attempts=0,
                    next_attempt_at=now,
                    log=[],
                    created_at=now,
                )
            )
    return webhook_id


async def test_slow_names_of_one_owner_leave_the_messages_of_another_alone(
    sessions: Sessions, system: SystemResolver
) -> None:
    settings = Settings(webhook_allow_http=True, webhook_timeout=0.5)
    sender = Sender(AddressPolicy(["127.0.0.0/8"]), seconds=0.5, resolve=Resolver(system).look_up)
    deliverer = Deliverer(sessions, sender, settings, Seal(None))
    async with receiving() as receiver:
        theirs = [await webhook(sessions, "bob", f"slow{n}.example", 1, 4) for n in range(12)]
        mine = await webhook(sessions, "ada", "fast.example", receiver.port, 2)
        await deliverer.deliver_due()
        await sender.close()
        assert len(receiver.requests) == 2
    async with sessions() as session:
        ada = await session.get(WebhookRow, mine)
        bobs = [await session.get(WebhookRow, webhook_id) for webhook_id in theirs]
    assert ada is not None
    assert ada.failures == 0
    assert all(row is not None and row.failures == 0 for row in bobs), "no connection was tried"


async def test_messages_to_a_name_that_is_not_told_are_left_alone_for_a_while(sessions: Sessions) -> None:
    """Each attempt is written down, in the line of all who write."""

    async def untold(host: str, port: int) -> list[str]:
        raise NameUnresolvedError(f"the address of {host} was not told")

    sender = Sender(AddressPolicy(), seconds=5, resolve=untold)
    deliverer = Deliverer(sessions, sender, Settings(webhook_allow_http=True), Seal(None))
    first = await webhook(sessions, "bob", "slow.example", 1, 20)
    other = await webhook(sessions, "bob", "other.example", 1, 1)
    started = await deliverer.deliver_due()
    assert await deliverer.deliver_due() == 0, "sixteen are due"
    await sender.close()
    async with sessions() as session:
        query = select(DeliveryRow.webhook_id, func.sum(DeliveryRow.attempts)).group_by(
            DeliveryRow.webhook_id
        )
        attempts = {row[0]: row[1] for row in await session.execute(query)}
    assert attempts == {first: started - 1, other: 1}
    assert started - 1 <= 4
