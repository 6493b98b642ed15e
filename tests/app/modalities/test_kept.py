"""Styles of music, their works and compositions: outdated, learned again, expired, erased, counted."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.api.services import Container
from app.files.tables import FileRow
from app.generations.tables import GenerationRow
from app.infra.db import utcnow
from app.infra.facts import set_fact
from app.jobs.job import JobState
from app.retention.owners import erase_owner, export_owner
from app.retention.sweeper import Sweeper
from app.styles.tables import StyleRow
from tests.app.modalities.kinds import songs
from tests.support.fake_worker import FakeWorker


async def learned(client: httpx.AsyncClient, fake_worker: FakeWorker) -> str:
    answer = await client.post("/v1/styles", files=songs())
    assert answer.status_code == 202, answer.text
    await fake_worker.do_one()
    style_id: str = answer.json()["style"]["id"]
    return style_id


async def composed(client: httpx.AsyncClient, fake_worker: FakeWorker, style_id: str) -> dict[str, Any]:
    answer = await client.post("/v1/compositions", data={"style_id": style_id})
    assert answer.status_code == 202, answer.text
    await fake_worker.do_one()
    found: dict[str, Any] = (
        await client.get(f"/v1/compositions/{answer.json()['composition']['id']}")
    ).json()
    return found


async def rows(services: Container) -> dict[str, int]:
    async with services.sessions() as session:
        return {
            table.__tablename__: await session.scalar(select(func.count()).select_from(table)) or 0
            for table in (FileRow, GenerationRow)
        }


async def test_a_style_of_another_checkpoint_is_outdated_and_learned_again(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style_id = await learned(client, fake_worker)
    url = f"/v1/styles/{style_id}"
    assert (await client.get(url)).json()["status"] == "ready"
    await set_fact(services.sessions, "base", "ab" * 32)
    assert (await client.get(url)).json()["status"] == "ready", "the checkpoint of pictures is another matter"
    await set_fact(services.sessions, "base_music", "cd" * 32)
    assert (await client.get(url)).json()["status"] == "outdated"
    listed = (await client.get("/v1/styles", params={"status": "outdated", "modality": "music"})).json()
    assert [style["id"] for style in listed["items"]] == [style_id]
    assert (await client.get("/v1/styles", params={"modality": "image"})).json()["items"] == []
    answer = await client.post("/v1/compositions", data={"style_id": style_id})
    assert answer.json()["code"] == "style_base_mismatch"

    answer = await client.post(f"{url}/relearn")
    assert answer.status_code == 202, answer.text
    job, delivery = await fake_worker.take()
    assert (job.modality, len(job.params["works"])) == ("music", 2)
    assert "examples" not in job.params
    await delivery.ack()


async def test_a_composition_that_failed_is_tried_again(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style_id = await learned(client, fake_worker)
    answer = await client.post("/v1/compositions", data={"style_id": style_id, "seed": "7"})
    job, delivery = await fake_worker.take()
    assert await services.ledger.fail(job.id, job.attempt, code="job_failed", detail="Broken: try again.")
    await delivery.ack()
    assert (await client.post(f"/v1/jobs/{job.id}/retry")).status_code == 202
    done = await fake_worker.do_one()
    assert (done.state, done.params["options"]["seed"]) == (JobState.SUCCEEDED, 7)
    shown = (await client.get(f"/v1/compositions/{answer.json()['composition']['id']}")).json()
    assert (shown["job"]["id"], len(shown["items"])) == (done.id, 1)


async def test_what_has_expired_goes_with_its_files(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style_id = await learned(client, fake_worker)
    await composed(client, fake_worker, style_id)
    assert await rows(services) == {"files": 3, "generations": 1}
    sweeper = Sweeper(services.sessions, services.blobs, services.settings)
    await sweeper.sweep()
    assert await rows(services) == {"files": 3, "generations": 1}, "nothing has expired yet"

    past = utcnow() - timedelta(days=1)
    async with services.sessions.begin() as session:
        await session.execute(update(GenerationRow).values(expires_at=past))
        await session.execute(update(FileRow).where(FileRow.role == "result").values(expires_at=past))
    swept = await sweeper.sweep()
    assert swept is not None
    assert (swept["files"], swept["generations"]) == (1, 1)
    assert await rows(services) == {"files": 2, "generations": 0}
    async with services.sessions.begin() as session:
        await session.execute(update(StyleRow).where(StyleRow.id == style_id).values(expires_at=past))
    await sweeper.sweep()
    assert await rows(services) == {"files": 0, "generations": 0}, "the works went with their style"
    assert [key for key in await services.blobs.keys() if not key.startswith("presets/")] == []


async def test_a_deleted_form_is_left_out_and_the_rest_stays(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    composition = await composed(client, fake_worker, await learned(client, fake_worker))
    (file,) = composition["items"][0]["files"]
    assert (await client.get(f"/v1/files/{file['id']}")).json()["form"] == "mid"
    assert (await client.delete(f"/v1/files/{file['id']}")).status_code == 204
    again = (await client.get(f"/v1/compositions/{composition['id']}")).json()
    assert again["items"][0]["files"] == []
    assert again["items"][0]["about"] == composition["items"][0]["about"]


async def test_an_owner_has_all_and_can_have_all_erased(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container, tmp_path: Path
) -> None:
    before = (await client.get("/v1/usage")).json()["stored_bytes"]
    composition = await composed(client, fake_worker, await learned(client, fake_worker))
    (file,) = composition["items"][0]["files"]
    assert (await client.get("/v1/usage")).json()["stored_bytes"] > before + 4 * 4096
    assert await export_owner(services.sessions, services.blobs, "local", tmp_path / "all") == 4
    assert (tmp_path / "all" / f"{file['id']}.mid").read_bytes() == b"MThd"
    left = await erase_owner(services.sessions, services.ledger, "local")
    assert len(left.keys) == 4
    assert await rows(services) == {"files": 0, "generations": 0}


@pytest.mark.parametrize("path", ["/v1/files/fil_x", "/v1/files/fil_x/content", "/v1/compositions/cmp_x"])
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == ("file_not_found" if "files" in path else "generation_not_found")
