"""The styles that come with the service: for everybody to use, for nobody to change."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.api.services import Container
from app.infra.blob_keys import is_ours
from app.presets.catalogue import FOLDER, presets
from app.styles.install_presets import install_presets
from app.styles.repository import StyleStatus, list_styles
from app.styles.tables import PRESET_OWNER
from model.errors import StyleFormatError
from model.formats import read_style_header
from tests.support.database import nothing_stored
from tests.support.fake_worker import FakeWorker, style_bytes
from tests.support.keys import key_for
from tests.support.pictures import files, png, zipped
from tests.support.problems import check_problem

FIRST = next(iter(presets().values()))


def write(folder: Path, base: str, *, steps: int = 3) -> None:
    """A file for each preset."""
    folder.mkdir(exist_ok=True)
    for preset in presets().values():
        (folder / f"{preset.slug}.safetensors").write_bytes(style_bytes(base, steps=steps))


async def install(services: Container, folder: Path, *, steps: int = 3) -> int:
    """Write a file for each preset and install them."""
    base = await services.checkpoint.base_hash()
    write(folder, base, steps=steps)
    return await install_presets(services.sessions, services.blobs, base, folder)


@pytest.fixture
async def installed(services: Container, tmp_path: Path) -> Path:
    await install(services, tmp_path / "presets")
    return tmp_path / "presets"


def test_the_catalogue_says_where_each_work_comes_from() -> None:
    assert len(presets()) == 8
    for style_id, preset in presets().items():
        assert len(style_id) == 30
        assert preset.works
        assert preset.licence.startswith("public domain")
        assert preset.source
        assert all(work.title and not Path(work.file).is_absolute() for work in preset.works)


def test_packaged_files_are_styles_and_all_of_one_checkpoint() -> None:
    packaged = sorted(FOLDER.glob("*.safetensors"))
    assert {path.stem for path in packaged} == {preset.slug for preset in presets().values()}
    assert len({read_style_header(path.read_bytes()).base_hash for path in packaged}) == 1


async def test_they_are_listed_apart_from_ones_own(
    client: httpx.AsyncClient, fake_worker: FakeWorker, installed: Path
) -> None:
    assert (await client.get("/v1/styles")).json()["items"] == []
    shown = (await client.get("/v1/styles", params={"preset": True})).json()["items"]
    assert {style["preset"]["slug"] for style in shown} == {preset.slug for preset in presets().values()}
    (first,) = [style for style in shown if style["id"] == FIRST.style_id]
    assert (first["name"], first["status"], first["job_id"], first["expires_at"]) == (
        FIRST.name,
        "ready",
        None,
        None,
    )
    assert first["preset"]["artist"] == FIRST.artist
    assert first["preset"]["works"] == [work.title for work in FIRST.works]


async def test_everybody_renders_with_them_without_learning(
    app: FastAPI, services: Container, fake_worker: FakeWorker, installed: Path
) -> None:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for owner in ("anna", "ben"):
            key = await key_for(services.sessions, owner)
            data = {"style_id": FIRST.style_id}
            answer = await client.post(
                "/v1/stylizations", data=data, files=files(contents=png()), headers=key
            )
            assert answer.status_code == 202, answer.text
            job = await fake_worker.do_one()
            assert (job.owner, job.state) == (owner, "succeeded")
            file = await client.get(f"/v1/styles/{FIRST.style_id}/file", headers=key)
            assert file.content == (installed / f"{FIRST.slug}.safetensors").read_bytes()


async def test_short_names_stand_for_them_wherever_a_style_is_named(
    client: httpx.AsyncClient, fake_worker: FakeWorker, installed: Path
) -> None:
    other = list(presets().values())[1]
    made = await client.post(
        "/v1/stylizations",
        data={"style_id": [FIRST.slug, other.slug], "weight": ["3", "1"], "outside_style_id": other.slug},
        files=files(contents=png(), mask=png()),
    )
    assert made.status_code == 202, made.text
    assert [share["id"] for share in made.json()["stylization"]["styles"]] == [FIRST.style_id, other.style_id]
    assert made.json()["stylization"]["settings"]["outside_style_id"] == other.style_id
    twice = {"style_id": [FIRST.slug, FIRST.style_id]}
    refused = await client.post("/v1/stylizations", data=twice, files=files(contents=png()))
    check_problem(refused, 422, "validation_failed")
    assert (await client.get(f"/v1/styles/{FIRST.slug}")).json()["id"] == FIRST.style_id
    for path in ("stylizations", "jobs"):
        found = (await client.get(f"/v1/{path}", params={"style_id": FIRST.slug})).json()["items"]
        assert [item["style_id"] for item in found] == [FIRST.style_id]
    batch = await client.post("/v1/batches", data={"style_id": FIRST.slug}, files=zipped())
    assert batch.json()["batch"]["style_id"] == FIRST.style_id
    check_problem(await client.get("/v1/styles/nobody"), 404, "style_not_found")


async def test_nobody_changes_deletes_or_relearns_them(client: httpx.AsyncClient, installed: Path) -> None:
    path = f"/v1/styles/{FIRST.style_id}"
    check_problem(await client.patch(path, json={"name": "mine"}), 404, "style_not_found")
    check_problem(await client.delete(path), 404, "style_not_found")
    check_problem(await client.post(f"{path}/relearn"), 404, "style_not_found")
    assert (await client.get(path)).json()["name"] == FIRST.name


async def test_a_start_changes_nothing_until_a_file_changes(services: Container, installed: Path) -> None:
    async def keys() -> dict[str, str | None]:
        records = await list_styles(services.sessions, PRESET_OWNER, limit=100)
        return {record.row.id: record.row.blob_key for record in records}

    before = await keys()
    assert await install(services, installed) == len(presets())
    assert await keys() == before
    await install(services, installed, steps=4)
    after = await keys()
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values()), "blobs are never overwritten"
    for key in after.values():
        assert key is not None
        assert is_ours(key)
        assert read_style_header(await services.blobs.get(key)).steps == 4


async def test_a_lost_blob_is_put_back_at_the_next_start(services: Container, installed: Path) -> None:
    records = await list_styles(services.sessions, PRESET_OWNER, limit=1)
    key = records[0].row.blob_key
    assert key is not None
    await services.blobs.delete([key])
    await install(services, installed)
    assert await services.blobs.exists(key)


async def test_files_of_another_checkpoint_are_not_offered(services: Container, tmp_path: Path) -> None:
    folder = tmp_path / "presets"
    write(folder, "0" * 64)
    base = await services.checkpoint.base_hash()
    assert await install_presets(services.sessions, services.blobs, base, folder) == 0
    ready = [StyleStatus.READY]
    assert not await list_styles(services.sessions, PRESET_OWNER, limit=10, statuses=ready)
    assert await nothing_stored(services)
    (folder / f"{FIRST.slug}.safetensors").write_bytes(json.dumps({}).encode())
    with pytest.raises(StyleFormatError):
        await install_presets(services.sessions, services.blobs, base, folder)
