"""Who may do what: every route of the application against every kind of caller.

A route that is added without an entry in ``TABLE`` fails; so does an entry without its route.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from enum import Enum
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import update

from app.api.main import create_app
from app.api.services import Container
from app.auth.api_keys import new_secret
from app.auth.principal import Scope
from app.auth.repository import create_key, revoke_key
from app.auth.tables import ApiKeyRow
from app.ids import new_id
from app.infra.broker import EmbeddedServer
from app.infra.db import utcnow
from app.settings import Settings
from app.webhooks.tables import DeliveryRow, DeliveryState, WebhookRow
from model.music.midi import write_midi
from tests.app.conftest import joined
from tests.model.music.conftest import make_song
from tests.support.fake_worker import FakeWorker
from tests.support.keys import bearer, key_for
from tests.support.pictures import files, png, zipped
from tests.support.problems import check_problem


class May(Enum):
    EVERYBODY = "no key is asked for"
    READ = "the scope read"
    WRITE = "the scope write"
    ADMIN = "the scope admin"


TABLE = {
    ("GET", "/"): May.EVERYBODY,
    ("GET", "/docs"): May.EVERYBODY,
    ("GET", "/llms.txt"): May.EVERYBODY,
    ("POST", "/mcp"): May.READ,  # and each tool what its calls need: tests/clients/test_mcp.py
    ("GET", "/openapi.json"): May.EVERYBODY,
    ("GET", "/assets/{name}"): May.EVERYBODY,  # of the studio
    ("GET", "/livez"): May.EVERYBODY,
    ("GET", "/readyz"): May.EVERYBODY,
    ("GET", "/metrics"): May.ADMIN,
    ("GET", "/v1/models"): May.READ,
    ("GET", "/v1/models/{style_id}"): May.READ,
    ("GET", "/v1/usage"): May.READ,
    ("GET", "/v1/styles"): May.READ,
    ("POST", "/v1/styles"): May.WRITE,
    ("POST", "/v1/styles/import"): May.WRITE,
    ("GET", "/v1/styles/{style_id}"): May.READ,
    ("PATCH", "/v1/styles/{style_id}"): May.WRITE,
    ("DELETE", "/v1/styles/{style_id}"): May.WRITE,
    ("POST", "/v1/styles/{style_id}/relearn"): May.WRITE,
    ("GET", "/v1/styles/{style_id}/file"): May.READ,
    ("GET", "/v1/styles/{style_id}/onnx"): May.READ,
    ("POST", "/v1/stylizations"): May.WRITE,
    ("GET", "/v1/stylizations"): May.READ,
    ("GET", "/v1/stylizations/{stylization_id}"): May.READ,
    ("DELETE", "/v1/stylizations/{stylization_id}"): May.WRITE,
    ("GET", "/v1/stylizations/{stylization_id}/zip"): May.READ,
    ("POST", "/v1/stylize"): May.WRITE,
    ("POST", "/v1/batches"): May.WRITE,
    ("GET", "/v1/batches"): May.READ,
    ("GET", "/v1/batches/{batch_id}"): May.READ,
    ("DELETE", "/v1/batches/{batch_id}"): May.WRITE,
    ("GET", "/v1/batches/{batch_id}/zip"): May.READ,
    ("POST", "/v1/compositions"): May.WRITE,
    ("GET", "/v1/compositions"): May.READ,
    ("GET", "/v1/compositions/{composition_id}"): May.READ,
    ("DELETE", "/v1/compositions/{composition_id}"): May.WRITE,
    ("GET", "/v1/compositions/{composition_id}/zip"): May.READ,
    ("GET", "/v1/jobs"): May.READ,
    ("GET", "/v1/jobs/{job_id}"): May.READ,
    ("POST", "/v1/jobs/{job_id}/cancel"): May.WRITE,
    ("POST", "/v1/jobs/{job_id}/retry"): May.WRITE,
    ("GET", "/v1/jobs/{job_id}/events"): May.READ,
    ("GET", "/v1/images"): May.READ,
    ("POST", "/v1/images/plain"): May.WRITE,
    ("POST", "/v1/images/edits"): May.WRITE,
    ("GET", "/v1/images/generations"): May.EVERYBODY,  # that there is none
    ("POST", "/v1/images/generations"): May.EVERYBODY,
    ("POST", "/v1/detections"): May.WRITE,
    ("GET", "/v1/images/{image_id}"): May.READ,
    ("DELETE", "/v1/images/{image_id}"): May.WRITE,
    ("GET", "/v1/images/{image_id}/content"): May.READ,
    ("PUT", "/v1/images/{image_id}/share"): May.WRITE,
    ("GET", "/v1/files"): May.READ,
    ("GET", "/v1/files/{file_id}"): May.READ,
    ("DELETE", "/v1/files/{file_id}"): May.WRITE,
    ("GET", "/v1/files/{file_id}/content"): May.READ,
    ("DELETE", "/v1/images/{image_id}/share"): May.WRITE,
    ("GET", "/v1/shared/{token}"): May.EVERYBODY,
    ("GET", "/v1/webhooks"): May.READ,
    ("POST", "/v1/webhooks"): May.WRITE,
    ("POST", "/v1/webhooks/{webhook_id}/secret"): May.WRITE,
    ("GET", "/v1/webhooks/{webhook_id}"): May.READ,
    ("PATCH", "/v1/webhooks/{webhook_id}"): May.WRITE,
    ("DELETE", "/v1/webhooks/{webhook_id}"): May.WRITE,
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"): May.READ,
    ("POST", "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"): May.WRITE,
}

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "/v1/styles/{style_id}"): {"name": "mine"},
    ("POST", "/mcp"): {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
    ("PATCH", "/v1/webhooks/{webhook_id}"): {"enabled": False},
}
"""JSON for calls that read their body before they look for what they are about."""


def routes(app: FastAPI) -> set[tuple[str, str]]:
    return {
        (method, str(route.path))
        for route in iter_route_contexts(app.routes)
        for method in (route.methods or ())
        if method not in ("HEAD", "OPTIONS")
    }


@pytest.fixture
async def locked(settings: Settings, nats: EmbeddedServer) -> AsyncIterator[FastAPI]:
    """The application, with ``auth="keys"``."""
    app = create_app(joined(settings.model_copy(update={"auth": "keys"}), nats))
    async with app.router.lifespan_context(app):
        yield app


def caller(app: FastAPI, headers: dict[str, str]) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers, timeout=60)


def test_every_route_has_an_entry() -> None:
    assert routes(create_app(Settings())) == set(TABLE) | _alike("poems", "poem") | _alike("stories", "story")


def _alike(path: str, noun: str) -> set[tuple[str, str]]:
    """The routes of another medium: made by the same function as those of compositions, which are tried."""
    return {
        (method, route.replace("compositions", path).replace("composition_id", f"{noun}_id"))
        for method, route in TABLE
        if route.startswith("/v1/compositions")
    }


async def wrong_keys(services: Container) -> dict[str, dict[str, str]]:
    """What does not count (any more)."""
    revoked, revoked_text = await create_key(services.sessions, owner="ada", name="", scopes=Scope)
    await revoke_key(services.sessions, revoked.id)
    expired, expired_text = await create_key(services.sessions, owner="ada", name="", scopes=Scope)
    async with services.sessions.begin() as session:
        await session.execute(
            update(ApiKeyRow)
            .where(ApiKeyRow.id == expired.id)
            .values(expires_at=utcnow() - timedelta(seconds=1))
        )
    return {
        "no key": {},
        "a wrong key": bearer(new_secret().text),
        "an expired key": bearer(expired_text),
        "a revoked key": bearer(revoked_text),
    }


async def exported(*_: Any, **__: Any) -> bytes:
    """Instead of the exporter, which would refuse the style of a job that was made by hand."""
    return b"onnx"


async def things_of(client: httpx.AsyncClient, services: Container) -> dict[str, str]:
    """One of everything that has an id."""
    answer = await client.post("/v1/stylize", files=files(examples=png(), content=png()))
    assert answer.status_code == 202, answer.text
    body = answer.json()
    job = await FakeWorker(services).do_one()
    assert job.result is not None
    songs = await client.post("/v1/styles", files=files(examples=write_midi(make_song(1))))
    assert songs.status_code == 202, songs.text
    await FakeWorker(services).do_one()
    asked = {"style_id": songs.json()["style"]["id"]}
    composition = (await client.post("/v1/compositions", data=asked)).json()["composition"]
    composed = await FakeWorker(services).do_one()
    assert composed.result is not None
    batch = (await client.post("/v1/batches", data={"style_id": body["style"]["id"]}, files=zipped())).json()
    await FakeWorker(services).do_one()
    webhook, message = new_id("whk"), new_id("msg")
    now = utcnow()
    async with services.sessions.begin() as session:
        session.add(
            WebhookRow(
                id=webhook, owner=job.owner, url="https://example.com/", events=[], secret="x", created_at=now
            )
        )
        await session.flush()
        session.add(
            DeliveryRow(
                id=message,
                webhook_id=webhook,
                event="job.failed",
                job_id=job.id,
                body="{}",
                state=DeliveryState.FAILED,  # nothing is sent
                next_attempt_at=now,
                log=[],
                created_at=now,
            )
        )
    return {
        "name": "index.js",
        "webhook_id": webhook,
        "delivery_id": message,
        "style_id": body["style"]["id"],
        "stylization_id": body["stylization"]["id"],
        "job_id": job.id,
        "image_id": job.result["images"][0],
        "composition_id": composition["id"],
        "batch_id": batch["batch"]["id"],
        "file_id": composed.result["pieces"][0]["files"][0]["id"],
        "token": "of-no-share",
    }


async def test_who_may_do_what(locked: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.styles.routes.export", exported)
    services: Container = locked.state.container
    keys = {
        "owner": await key_for(services.sessions, "ada"),
        "other": await key_for(services.sessions, "bob", Scope),
        "reader": await key_for(services.sessions, "ada", [Scope.READ]),
        "writer": await key_for(services.sessions, "ada", [Scope.WRITE]),
    }
    wrong = await wrong_keys(services)
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(caller(locked, headers))
            for name, headers in {**keys, **wrong}.items()
        }
        ids = await things_of(clients["owner"], services)
        for (method, path), may in TABLE.items():
            url, what = path.format(**ids), f"{method} {path}"
            body: dict[str, Any] = {"json": BODIES[method, path]} if (method, path) in BODIES else {}
            if may is May.EVERYBODY:
                assert (await clients["no key"].request(method, url)).status_code not in (401, 403), what
                continue
            for name in wrong:
                answer = await clients[name].request(method, url, **body)
                check_problem(answer, 401, "unauthenticated")
                assert answer.headers["www-authenticate"].startswith("Bearer "), f"{what} with {name}"
            lacking = {May.READ: ["writer"], May.WRITE: ["reader"], May.ADMIN: ["reader", "writer", "owner"]}
            for name in lacking[may]:
                check_problem(await clients[name].request(method, url, **body), 403, "scope_missing")
            stranger = await clients["other"].request(method, url, **body)
            if "{" in path:
                assert stranger.status_code == 404, f"{what} of another owner: {stranger.status_code}"
            if may is May.READ and "{" not in path:
                assert stranger.status_code == 200, what
                assert not any(thing in stranger.text for thing in ids.values() if "_" in thing), (
                    f"{what} tells too much"
                )
            if may is May.READ:
                assert (await clients["reader"].request(method, url, **body)).status_code == 200, what
        kept = await clients["reader"].get(f"/v1/jobs/{ids['job_id']}")
        assert kept.json()["state"] == "succeeded", "nobody changed what was not theirs"
        assert (await clients["reader"].get(f"/v1/styles/{ids['style_id']}")).status_code == 200


async def test_a_style_of_another_owner_cannot_be_applied(locked: FastAPI) -> None:
    services: Container = locked.state.container
    ada, bob = await key_for(services.sessions, "ada"), await key_for(services.sessions, "bob")
    async with caller(locked, ada) as mine, caller(locked, bob) as theirs:
        ids = await things_of(mine, services)
        form: dict[str, Any] = {"files": files(contents=png()), "data": {"style_id": ids["style_id"]}}
        check_problem(await theirs.post("/v1/stylizations", **form), 404, "style_not_found")
        assert (await mine.post("/v1/stylizations", **form)).status_code == 202


async def test_a_signed_link_works_without_a_key_until_it_is_changed(locked: FastAPI) -> None:
    services: Container = locked.state.container
    ada = await key_for(services.sessions, "ada")
    async with caller(locked, ada) as mine, caller(locked, {}) as anybody:
        ids = await things_of(mine, services)
        link = (await mine.get(f"/v1/images/{ids['image_id']}")).json()["url"]
        picture = await anybody.get(link)
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
        path = link.partition("?")[0]
        check_problem(await anybody.get(path), 401, "unauthenticated")
        other = path.replace(ids["image_id"], "img_other")
        for changed in (link[:-1] + ("A" if link[-1] != "A" else "B"), link.replace(path, other)):
            check_problem(await anybody.get(changed), 403, "link_invalid")


async def test_requests_are_counted_for_each_key(settings: Settings, nats: EmbeddedServer) -> None:
    limited = settings.model_copy(update={"auth": "keys", "requests_per_minute": 3})
    app = create_app(joined(limited, nats))
    async with app.router.lifespan_context(app):
        services: Container = app.state.container
        ada, bob = await key_for(services.sessions, "ada"), await key_for(services.sessions, "bob")
        async with caller(app, ada) as mine, caller(app, bob) as theirs:
            left = [(await mine.get("/v1/jobs")).headers["ratelimit"] for _ in range(3)]
            assert [item.split(";")[1] for item in left] == ["r=2", "r=1", "r=0"]
            refused = await mine.get("/v1/jobs")
            check_problem(refused, 429, "rate_limited")
            assert int(refused.headers["retry-after"]) > 0
            assert refused.headers["ratelimit-policy"] == '"key";q=3;w=60'
            assert (await theirs.get("/v1/jobs")).status_code == 200
