"""Whose the examples of a style are: from the upload to its JSON, its file, and what is made with it."""

from __future__ import annotations

import httpx
import numpy as np
from safetensors.numpy import load, save

from app.api.services import Container
from app.jobs.job import Job
from app.provenance.c2pa_settings import RECORD
from app.worker.provenance import with_rights
from model.formats import METADATA_KEY, StyleHeader, read_style_header
from tests.support.fake_engine import BASE_HASH, FakeStyle
from tests.support.fake_worker import FakeWorker, style_bytes
from tests.support.manifests import read
from tests.support.pictures import files, png
from tests.support.problems import check_problem

RIGHTS = {"rights": "© 2026 A. Painter", "licence": "CC-BY-4.0"}


async def learned(client: httpx.AsyncClient, fake_worker: FakeWorker) -> tuple[dict[str, object], Job]:
    answer = await client.post("/v1/styles", files=files(examples=png()), data=RIGHTS)
    assert answer.status_code == 202, answer.text
    style: dict[str, object] = answer.json()["style"]
    return style, await fake_worker.do_one()


async def test_they_are_told_and_reach_the_worker(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    style, job = await learned(client, fake_worker)
    assert {name: style[name] for name in RIGHTS} == RIGHTS
    again = (await client.get(f"/v1/styles/{style['id']}")).json()
    assert {name: again[name] for name in RIGHTS} == RIGHTS
    header = with_rights(FakeStyle(StyleHeader(BASE_HASH, 1, 3, 0), np.zeros((2, 3))), job).header
    assert (header.rights, header.examples_licence) == (RIGHTS["rights"], RIGHTS["licence"])
    assert StyleHeader(**header.__dict__) == header


async def test_they_travel_in_the_file(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    base = await services.checkpoint.base_hash()
    header = StyleHeader(base, 1, 3, 0, {"start": {"total": 1.0}}, rights="© A", examples_licence="CC0-1.0")
    data = save(load(style_bytes(base)), metadata={METADATA_KEY: header.to_json()})
    assert read_style_header(data) == header
    answer = await client.post("/v1/styles/import", files=files(file=data))
    assert answer.status_code == 201, answer.text
    imported = answer.json()
    assert (imported["rights"], imported["licence"]) == ("© A", "CC0-1.0")
    await client.post("/v1/stylizations", files=files(contents=png()), data={"style_id": imported["id"]})
    job = await fake_worker.do_one()
    assert job.result is not None
    url = f"/v1/images/{job.result['images'][0]}"
    (style,) = (await client.get(url)).json()["provenance"]["styles"]
    assert (style["rights"], style["licence"]) == ("© A", "CC0-1.0")
    manifest = read((await client.get(f"{url}/content")).content, "image/png")
    (record,) = (each["data"] for each in manifest["assertions"] if each["label"] == RECORD)
    assert record["styles"] == [style]


async def test_what_is_too_long_is_refused(client: httpx.AsyncClient, services: Container) -> None:
    answer = await client.post("/v1/styles", files=files(examples=png()), data={"rights": "x" * 501})
    check_problem(answer, 422, "validation_failed")
    base = await services.checkpoint.base_hash()
    header = StyleHeader(base, 1, 3, 0, {"start": {"total": 1.0}}, rights="x" * 501)
    data = save(load(style_bytes(base)), metadata={METADATA_KEY: header.to_json()})
    check_problem(await client.post("/v1/styles/import", files=files(file=data)), 422, "style_file_invalid")
