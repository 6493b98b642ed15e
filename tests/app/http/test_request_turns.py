"""Requests begin by turns of those who send them."""

from __future__ import annotations

import asyncio

import httpx
from starlette.types import Receive, Scope, Send

from app.api.services import Container
from app.http.middleware.request_turns import TurnsMiddleware
from tests.support.keys import key_for


async def test_a_request_begins_soon_although_another_sender_has_a_hundred_waiting() -> None:
    begun: list[str] = []

    async def refusing(scope: Scope, _receive: Receive, _send: Send) -> None:
        begun.append(scope["sender"])  # and that was all: it waits for nothing

    async def nothing() -> dict[str, object]:
        return {}

    async def nowhere(_message: object) -> None: ...

    app = TurnsMiddleware(refusing, lambda scope: str(scope["sender"]))
    senders = [*"b" * 100, "a", *"b" * 100]
    await asyncio.gather(*(app({"type": "http", "sender": sender}, nothing, nowhere) for sender in senders))
    assert begun.index("a") < 5
    assert sorted(begun) == sorted(senders), "and everybody has a turn"


async def test_requests_count_for_the_owner_of_a_key_that_is_known(
    client: httpx.AsyncClient, services: Container
) -> None:
    key = (await key_for(services.sessions, "ada"))["Authorization"]
    wrong, unknown = key[:-1] + ("b" if key[-1] == "a" else "a"), f"Bearer fsk_{'a' * 12}_{'b' * 43}"
    known = services.authenticator.known_owner
    assert known(key) is None, "nobody has shown it yet"
    for shown in (key, wrong, unknown):
        await client.get("/v1/usage", headers={"Authorization": shown})
    assert known(key) == "ada"
    assert known(wrong) is None
    assert known(unknown) is None, "who makes keys up gets no turns of their own"
