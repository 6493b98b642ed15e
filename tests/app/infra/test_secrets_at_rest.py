"""Secrets at rest, and who may read the files."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update

from app.api.seal_secrets import seal_secrets
from app.api.services import Container
from app.auth.signed_urls import Links, rotate
from app.auth.tables import LinkSecretRow
from app.doctor.host_checks import check_modes
from app.doctor.report import Trouble
from app.infra.db import Sessions
from app.infra.secrets_at_rest import Seal, SecretUnreadableError
from app.settings import Settings
from app.webhooks.tables import WebhookRow
from tests.support.served import running_service


def test_what_is_sealed_is_opened_with_the_same_key_only() -> None:
    seal = Seal("a key")
    stored = seal.seal("whsec_secret")
    assert "secret" not in stored.removeprefix("sealed:")
    assert Seal("a key").open(stored) == "whsec_secret"
    for other in (Seal("another"), Seal(None)):
        with pytest.raises(SecretUnreadableError):
            other.open(stored)


def test_the_key_is_made_once_and_for_its_user(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    stored = Seal.of(settings).seal("x")
    assert Seal.of(settings).open(stored) == "x"
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o077 == 0
    given = Settings(data_dir=tmp_path / "other", secret_key="given")
    Seal.of(given)
    assert not (tmp_path / "other").exists()


async def test_replicas_without_a_key_agree_on_none(caplog: pytest.LogCaptureFixture) -> None:
    seal = Seal.of(Settings(database_url="postgresql://h/db"))
    assert seal.seal("x") == "x"
    assert "FEWSTROKE_SECRET_KEY" in caplog.text


async def test_secrets_from_before_are_sealed_and_still_count(sessions: Sessions) -> None:
    await rotate(sessions)
    before = Links(sessions, lifetime=600)
    link = await before.sign("/v1/images/img_1/content")
    seal = Seal("a key")
    await seal_secrets(sessions, seal)
    async with sessions() as session:
        (stored,) = await session.scalars(select(LinkSecretRow.secret))
    assert stored.startswith("sealed:")
    expires, signature = (part.partition("=")[2] for part in link.url.partition("?")[2].split("&"))
    await Links(sessions, lifetime=600, seal=seal).check("/v1/images/img_1/content", int(expires), signature)


async def test_with_another_key_new_links_are_signed_with_a_new_secret(sessions: Sessions) -> None:
    await rotate(sessions, seal=Seal("lost"))
    links = Links(sessions, lifetime=600, seal=Seal("found"))
    assert (await links.sign("/x")).url.startswith("/x?expires=")


async def test_webhook_secrets_are_sealed_shown_once_and_rolled(
    client: httpx.AsyncClient, services: Container
) -> None:
    made = (await client.post("/v1/webhooks", json={"url": "https://a.example/"})).json()
    rolled = await client.post(f"/v1/webhooks/{made['id']}/secret")
    assert rolled.status_code == 200
    assert rolled.json()["secret"].startswith("whsec_")
    assert rolled.json()["secret"] != made["secret"]
    async with services.sessions() as session:
        stored = await session.scalar(select(WebhookRow.secret).where(WebhookRow.id == made["id"]))
    assert stored is not None
    if services.seal.seal("x") != "x":  # without a key, processes on PostgreSQL agree on none
        assert "whsec_" not in stored
    assert services.seal.open(stored) == rolled.json()["secret"]
    assert "secret" not in (await client.get(f"/v1/webhooks/{made['id']}")).json()
    async with services.sessions.begin() as session:
        await session.execute(update(WebhookRow).values(secret=Seal("lost").seal("whsec_a")))
    with pytest.raises(SecretUnreadableError):
        services.seal.open(Seal("lost").seal("whsec_a"))


async def test_nobody_else_can_read_what_the_service_writes(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        async with running_service(tmp_path / "data") as service:
            job = await service.adapt()
            await service.until(job, "succeeded")
        written = list((tmp_path / "data").rglob("*"))
        wide = [path for path in written if path.stat().st_mode & 0o077]
        assert wide == []
    finally:
        os.umask(before)


async def test_doctor_names_what_others_may_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    settings = Settings(data_dir=data)
    assert "this user alone" in await check_modes(settings)
    data.chmod(0o755)
    with pytest.raises(Trouble, match="other users"):
        await check_modes(settings)
