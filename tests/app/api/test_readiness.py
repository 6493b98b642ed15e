"""What `/readyz` tells to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.api.main import create_app
from app.api.readiness import Lack, Readiness
from app.api.services import Container
from app.auth.principal import Scope
from app.auth.repository import create_key
from app.infra.broker import EmbeddedServer
from app.infra.db import unusable
from app.infra.errors import DatabaseReadOnlyError
from app.settings import Settings, load_settings
from tests.app.conftest import joined

CANARY = "canary-7f3a"


@pytest.fixture
async def locked(settings: Settings, nats: EmbeddedServer) -> AsyncIterator[FastAPI]:
    app = create_app(joined(settings.model_copy(update={"auth": "keys"}), nats))
    async with app.router.lifespan_context(app):
        yield app


def caller(app: FastAPI, key: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://a", headers=headers)


FAULTS = {
    "a database that can only be read": DatabaseReadOnlyError(
        unusable(
            load_settings(database_url=f"postgresql://{CANARY}@127.0.0.1:1/x?password={CANARY}").database,
            "it can only be read",
        ).detail
    ),
    "what a driver says": OSError(f"could not translate host name {CANARY}.internal"),
    "what S3 says": RuntimeError(
        f"Error performing GET http://s3/?prefix={CANARY} <Message>{CANARY}</Message>"
    ),
    "silence": TimeoutError(CANARY),
}


@pytest.mark.parametrize("part", ["database", "blobs", "broker", "checkpoint", "worker"])
@pytest.mark.parametrize("fault", FAULTS, ids=FAULTS)
async def test_strangers_are_told_a_word(
    locked: FastAPI, monkeypatch: pytest.MonkeyPatch, part: str, fault: str
) -> None:
    services: Container = locked.state.container
    _, reader = await create_key(services.sessions, owner="ada", name="", scopes=[Scope.READ, Scope.WRITE])
    _, admin = await create_key(services.sessions, owner="ada", name="", scopes=[Scope.ADMIN])

    async def broken(*_: object) -> None:
        raise FAULTS[fault]

    target = {
        "database": ("app.api.health.ping",),
        "blobs": (services.blobs, "check"),
        "broker": (services.broker, "jobs_epoch"),
        "checkpoint": (services.checkpoint, "base_hash"),
        "worker": (services.broker, "workers"),
    }[part]
    monkeypatch.setattr(*target, broken)  # type: ignore[call-overload]
    for key in (None, "fsk_wrong", reader):
        async with caller(locked, key) as stranger:
            answer = await stranger.get("/readyz")
        assert answer.status_code == 503
        assert CANARY not in answer.text
        assert "details" not in answer.json()
        assert answer.json()["missing"][part] in set(Lack)
    async with caller(locked, admin) as operator:
        assert (await operator.get("/readyz")).json()["details"][part]


def test_a_sentence_about_a_database_holds_no_password() -> None:
    assert CANARY not in str(FAULTS["a database that can only be read"])


async def test_everybody_may_ask_and_the_parts_are_asked_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.api.readiness._FRESH", 1.0)
    now, asked = [10.0], 0

    async def probe() -> None:
        nonlocal asked
        asked += 1

    readiness = Readiness(lambda: now[0])
    for _ in range(5):
        await readiness.look({"part": probe})
    assert asked == 1
    now[0] += 1.0
    await readiness.look({"part": probe})
    assert asked == 2
