"""What is deleted is gone: no copy of it is left anywhere in the service."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.api.services import Container
from app.audit.log import entries
from app.auth.repository import list_keys
from app.cli import cli
from app.ids import new_id
from app.jobs.job import JobKind
from app.jobs.ledger import NewJob
from app.migrations.tables import Base
from app.settings import Settings
from tests.app.conftest import POSTGRES
from tests.support.events import parse_sse
from tests.support.fake_worker import FakeWorker
from tests.support.keys import key_for
from tests.support.pictures import png

CANARY = "Patient-Jane-Doe-1984"


def named(**fields: int) -> list[tuple[str, tuple[str, bytes]]]:
    return [
        (field, (f"{CANARY}-{n}.jpg", png(seed=n))) for field, count in fields.items() for n in range(count)
    ]


async def everything(services: Container) -> str:
    """All rows as text."""
    rows: list[str] = []
    async with services.sessions() as session:
        for table in Base.metadata.sorted_tables:
            rows += [str(tuple(row)) for row in await session.execute(table.select())]
    return "\n".join(rows)


async def events_of(client: httpx.AsyncClient, job: str) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        answer = await client.get(f"/v1/jobs/{job}/events")
    return parse_sse(answer.text.splitlines())


async def with_preview(services: Container, fake_worker: FakeWorker) -> str:
    """Do the next job, which shows a preview on its way."""
    job, delivery = await fake_worker.take()
    await services.broker.publish_event(job.id, "preview", {"step": 1, "base64": CANARY})
    await fake_worker.finish(job, delivery)
    return job.id


@pytest.mark.parametrize("which", ["style", "example"])
async def test_a_deleted_style_is_no_longer_shown(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, which: str
) -> None:
    style = (await client.post("/v1/styles", files=named(examples=1))).json()["style"]["id"]
    job = await with_preview(services, fake_worker)
    assert "preview" in {event["event"] for event in await events_of(client, job)}
    (example,) = (await client.get("/v1/images?role=example")).json()["items"]
    path = f"/v1/styles/{style}" if which == "style" else f"/v1/images/{example['id']}"
    assert (await client.delete(path)).status_code == 204
    (event,) = await events_of(client, job)
    assert (event["event"], event["data"]["state"]) == ("state", "succeeded")
    assert CANARY not in await everything(services)


async def test_names_go_with_the_stylization_though_the_style_stays(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, settings: Settings
) -> None:
    made = await client.post("/v1/stylize", files=named(examples=1, content=1))
    job = await with_preview(services, fake_worker)
    stylization = made.json()["stylization"]["id"]
    assert CANARY in await everything(services)
    assert (await client.delete(f"/v1/stylizations/{stylization}")).status_code == 204
    assert CANARY not in await everything(services)
    assert [event["event"] for event in await events_of(client, job)] == ["state"]
    assert (await client.get(f"/v1/styles/{made.json()['style']['id']}")).json()["status"] == "ready"
    if not POSTGRES:
        await services.engine.dispose()
        assert all(
            CANARY.encode() not in path.read_bytes() for path in settings.data_dir.glob("fewstroke.db")
        )


async def test_one_image_takes_its_own_name_along(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    style = (await client.post("/v1/styles", files=named(examples=1))).json()["style"]["id"]
    await fake_worker.do_one()
    made = await client.post("/v1/stylizations", files=named(contents=2), data={"style_id": style})
    await fake_worker.do_one()
    path = f"/v1/stylizations/{made.json()['stylization']['id']}"
    items = (await client.get(path)).json()["items"]
    assert [item["name"] for item in items] == [f"{CANARY}-0.jpg", f"{CANARY}-1.jpg"]
    first = (await client.get("/v1/images?role=content")).json()["items"][-1]["id"]
    assert (await client.delete(f"/v1/images/{first}")).status_code == 204
    items = (await client.get(path)).json()["items"]
    assert [item["name"] for item in items] == [None, f"{CANARY}-1.jpg"]


async def test_deletions_are_in_the_log(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    style = (await client.post("/v1/styles", files=named(examples=1))).json()["style"]["id"]
    await fake_worker.do_one()
    await client.delete(f"/v1/styles/{style}")
    (entry,) = await entries(services.sessions)
    assert (entry.action, entry.subject, entry.key_id) == ("style.deleted", style, None)
    assert CANARY not in str(vars(entry))


@pytest.mark.skipif(bool(POSTGRES), reason="the command reads the data folder")
async def test_an_owner_is_exported_and_erased(
    client: httpx.AsyncClient,
    services: Container,
    fake_worker: FakeWorker,
    settings: Settings,
    tmp_path: Path,
) -> None:
    keys = {owner: await key_for(services.sessions, owner) for owner in ("ada", "bob")}
    for owner in keys:
        made = await client.post("/v1/stylize", files=named(examples=1, content=1), headers=keys[owner])
        assert made.status_code == 202, made.text
        await fake_worker.do_one()
        assert (
            await client.post("/v1/webhooks", json={"url": "https://a.example/"}, headers=keys[owner])
        ).status_code == 201
    running = await services.ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}, owner="ada"))
    await services.ledger.begin(running.id, "w")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["owners", *arguments, "--data-dir", str(settings.data_dir)])
        assert result.exit_code == 0, result.output
        return result.output

    folder = tmp_path / "ada"
    await asyncio.to_thread(run, "export", "ada", str(folder))
    about = json.loads((folder / "owner.json").read_text())
    assert len(about["images"]) == 3
    assert all("secret" not in row for row in about["webhooks"])
    assert len(list(folder.iterdir())) == 1 + 3 + 1
    await asyncio.to_thread(run, "delete", "ada", "--yes")
    assert all(row.revoked_at is not None for row in await list_keys(services.sessions, "ada"))
    assert (await client.get("/v1/images", headers=keys["bob"])).json()["items"]
    async with services.sessions() as session:
        for table in Base.metadata.sorted_tables:
            if "owner" in table.c and table.name not in ("api_keys", "audit_entries"):
                owners = set(await session.scalars(table.select().with_only_columns(table.c.owner)))
                assert "ada" not in owners, table.name
    assert "owner.deleted" in await asyncio.to_thread(run, "log", "ada")
    assert not await services.ledger.succeed(running.id, 1, {}), "whoever still computes is too late"
    await asyncio.sleep(2.1)
    assert (await client.get("/v1/images", headers=keys["ada"])).status_code == 401
    await asyncio.to_thread(run, "delete", "bob", "--yes")
    assert await services.blobs.keys() == []
