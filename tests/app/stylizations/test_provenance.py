"""What results say of how they were made, at every way to them, and what uploads say of themselves."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Literal
from zipfile import ZipFile

import httpx
import pytest
from PIL import Image

from app.api.services import Container
from app.bounds import LabelPlace
from app.provenance.c2pa_settings import RECORD
from app.provenance.certificates import AUTHORITY, folder_of
from tests.support.database import nothing_stored
from tests.support.fake_worker import FakeWorker, ready_style
from tests.support.manifests import read, state
from tests.support.marked import with_manifest, with_xmp
from tests.support.pictures import files, png
from tests.support.problems import check_problem
from tests.support.signing import signer


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
async def test_the_file_says_how_it_was_made(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, format: str
) -> None:
    style = await ready_style(client, fake_worker)
    services.settings.least_provenance = "none"
    anchor = (folder_of(services.settings) / AUTHORITY).read_text()
    for provenance in ("signed", "metadata", "none"):
        options = {"style_id": style, "format": format, "provenance": provenance, "strength": "0.5"}
        await client.post("/v1/stylizations", files=files(contents=png()), data=options)
        job = await fake_worker.do_one()
        assert job.result is not None
        url = f"/v1/images/{job.result['images'][0]}"
        record = (await client.get(url)).json()["provenance"]
        assert record.pop("signed") is (provenance == "signed")
        assert record.pop("watermark") is False, "this worker makes none"
        assert record.pop("nearest_example")["copy"] is False
        assert record["styles"] == [{"id": style, "weight": 1.0, "k": 1, "steps": 3, "seed": None}]
        assert (record["strength"], record["masked"], record["job_id"]) == (0.5, False, job.id)
        assert record["app"].startswith("Fewstroke ")
        assert len(record["base_hash"]) == 64
        data = (await client.get(f"{url}/content")).content
        if provenance == "signed":
            assert state(data, f"image/{format}", anchor) == "Trusted"
            assertions = {each["label"]: each["data"] for each in read(data, f"image/{format}")["assertions"]}
            assert assertions[RECORD] == record
        else:
            assert b"c2pa" not in data
        opened = Image.open(BytesIO(data))
        opened.load()
        xmp = opened.info.get("xmp")
        if provenance == "none":
            assert xmp is None
            assert "exif" not in opened.info
            continue
        assert xmp is not None
        text = (xmp if isinstance(xmp, str) else xmp.decode()).replace("&quot;", '"')
        assert "digitalsourcetype/compositeWithTrainedAlgorithmicMedia" in text
        embedded = re.search(r"<fewstroke:record>(.*)</fewstroke:record>", text)
        assert embedded is not None
        assert json.loads(embedded[1]) == record
        label = re.search(r"<TC260:AIGC>(.*)</TC260:AIGC>", text)
        assert label is not None
        assert json.loads(label[1])["Label"] == "1"
        assert json.loads(label[1])["ProduceID"] == job.id


@pytest.mark.parametrize(
    ("least", "asked", "status"),
    [
        ("metadata", "none", 422),
        ("metadata", "metadata", 202),
        ("metadata", "embed", 202),  # the name that `metadata` had
        ("signed", "metadata", 422),
        ("signed", None, 202),
        ("none", "none", 202),
    ],
)
async def test_the_operator_says_what_results_say_at_least(
    client: httpx.AsyncClient,
    services: Container,
    fake_worker: FakeWorker,
    least: Literal["metadata", "signed", "none"],
    asked: str | None,
    status: int,
) -> None:
    style = await ready_style(client, fake_worker)
    services.settings.least_provenance = least
    options = {"style_id": style, **({"provenance": asked} if asked else {})}
    answer = await client.post("/v1/stylizations", files=files(contents=png()), data=options)
    assert answer.status_code == status, answer.text
    if status == 422:
        assert answer.json()["errors"][0]["field"] == "provenance"


async def test_uploads_have_no_provenance(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    style = await ready_style(client, fake_worker)
    created = (
        await client.post("/v1/stylizations", files=files(contents=png()), data={"style_id": style})
    ).json()
    content = created["stylization"]["items"][0]["content_id"]
    assert (await client.get(f"/v1/images/{content}")).json()["provenance"] is None


async def test_every_way_to_a_result_gives_the_signed_file(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    """Its content, the archive, a link to share, and the answer of the one call."""
    style = await ready_style(client, fake_worker)
    uploads = files(contents=[png(seed=1), png(seed=2)])
    answer = await client.post("/v1/stylizations", files=uploads, data={"style_id": style})
    made = answer.json()["stylization"]
    job = await fake_worker.do_one()
    assert job.result is not None
    image = f"/v1/images/{job.result['images'][0]}"
    found = [(await client.get(f"{image}/content")).content]
    archive = await client.get(f"/v1/stylizations/{made['id']}/zip")
    with ZipFile(BytesIO(archive.content)) as opened:
        found += [opened.read(name) for name in opened.namelist() if name.endswith(".png")]
    shared = (await client.put(f"{image}/share")).json()
    shown = (await client.get(f"/v1/shared/{shared['token']}")).json()
    found.append((await client.get(shown["image_url"])).content)
    async with fake_worker.busy():
        once = await client.post(
            "/v1/stylize",
            files=files(examples=png(), content=png()),
            headers={"Accept": "image/png", "Prefer": "wait=20"},
        )
    found.append(once.content)
    assert len(found) == 5
    anchor = (folder_of(services.settings) / AUTHORITY).read_text()
    assert [state(data, "image/png", anchor) for data in found] == ["Trusted"] * 5


async def test_a_photos_own_manifest_is_what_the_results_is_built_on(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    style = await ready_style(client, fake_worker)
    photo = with_manifest(signer())
    answer = await client.post("/v1/stylizations", files=files(contents=photo), data={"style_id": style})
    content = answer.json()["stylization"]["items"][0]["content_id"]
    marks = (await client.get(f"/v1/images/{content}")).json()["marks"]
    assert marks["manifest"] == {
        "state": "valid",
        "signer": "Fewstroke (self-signed)",
        "generator": "A Camera",
    }
    assert marks["digital_source_type"].endswith("/digitalCapture")
    job = await fake_worker.do_one()
    assert job.result is not None
    result = (await client.get(f"/v1/images/{job.result['images'][0]}/content")).content
    assert state(result, "image/png", (folder_of(services.settings) / AUTHORITY).read_text()) == "Trusted"
    manifest = read(result, "image/png")
    (parent,) = manifest["ingredients"]
    assert (parent["relationship"], parent["format"]) == ("parentOf", "image/jpeg")
    assert "failure" not in parent["validation_results"] or not parent["validation_results"]["failure"]
    (actions,) = (a["data"]["actions"] for a in manifest["assertions"] if a["label"] == "c2pa.actions.v2")
    assert [action["action"] for action in actions] == ["c2pa.opened", "c2pa.edited"]
    assert actions[1]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")


@pytest.mark.parametrize("kind", ["xmp", "manifest"])
async def test_examples_that_reserve_training_are_refused(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, kind: str
) -> None:
    example = (
        with_xmp('tdm:reservation="1"')
        if kind == "xmp"
        else with_manifest(signer(), {"ai_training": "notAllowed"})
    )
    for path, uploads in (
        ("/v1/styles", files(examples=[png(), example])),
        ("/v1/stylize", files(examples=example, content=png())),
    ):
        refused = await client.post(path, files=uploads)
        check_problem(refused, 422, "example_reserved")
        assert "of `examples`" in refused.json()["detail"]
    assert await nothing_stored(services)
    allowed = await client.post("/v1/stylize", files=files(examples=png(), content=example))
    assert allowed.status_code == 202, "a photo is not learned from"
    await fake_worker.do_one()
    services.settings.reserved_examples = "accept"
    accepted = await client.post("/v1/styles", files=files(examples=example))
    assert accepted.status_code == 202
    job = await fake_worker.do_one()
    marks = (await client.get(f"/v1/images/{job.params['examples'][0]}")).json()["marks"]
    assert marks["reserved"] == ["tdm:reservation 1" if kind == "xmp" else "cawg.ai_training notAllowed"]


@pytest.mark.parametrize("default", ["none", "top-right"])
async def test_a_label_is_as_asked_for_else_as_the_operator_has_it(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, default: LabelPlace
) -> None:
    style = await ready_style(client, fake_worker)
    services.settings.label = default
    for asked in (None, "bottom-left", "none"):
        chosen, expected = {"label": asked} if asked else {}, asked or default
        for path, uploads, options in (
            ("/v1/stylizations", files(contents=png()), {"style_id": style}),
            ("/v1/stylize", files(examples=png(), content=png()), {}),
        ):
            answer = await client.post(path, files=uploads, data={**options, **chosen})
            assert answer.status_code == 202, answer.text
            assert answer.json()["stylization"]["settings"]["label"] == expected
            assert (await fake_worker.do_one()).params["label"] == expected
    data = {"style_id": style, "label": "middle"}
    refused = await client.post("/v1/stylizations", files=files(contents=png()), data=data)
    assert "label" in str(check_problem(refused, 422, "validation_failed"))
