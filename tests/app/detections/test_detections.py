"""``POST /v1/detections``: what a picture tells of where it comes from, and to whom."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import update

from app.api.services import Container
from app.auth.principal import Scope
from app.images.tables import ImageRow
from app.provenance.signer import Claim
from app.provenance.watermark import COMMAND_LINE
from app.provenance.watermark.embed import embed
from app.provenance.watermark.payload import Payload, result_code
from app.provenance.watermark.service import marking_number
from app.settings import Settings
from tests.support.fake_worker import FakeWorker
from tests.support.keys import key_for
from tests.support.marked import with_manifest
from tests.support.pictures import encoded, files, picture, png
from tests.support.problems import check_problem
from tests.support.signing import signer

PHOTO = Path(__file__).parents[3] / "model" / "image" / "photos" / "skyline.jpg"
WHOLE = pytest.approx(1, abs=0.01)  # scale of a picture that was not cropped


def jpeg(payload: Payload | None = None) -> bytes:
    with Image.open(PHOTO) as opened:
        photo = opened.convert("RGB").resize((640, 480))
    return encoded(embed(photo, payload) if payload else photo, "JPEG", quality=85)


async def detected(
    client: httpx.AsyncClient, data: bytes, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    answer = await client.post("/v1/detections", files={"file": ("found.jpg", data)}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    said: dict[str, Any] = answer.json()
    return said


async def test_a_result_is_known_again_by_its_owner_only(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, settings: Settings
) -> None:
    number = await marking_number(services.sessions, settings)
    assert number is not None
    anna, ben = [await key_for(services.sessions, name, Scope) for name in ("anna", "ben")]
    made = await client.post("/v1/stylize", files=files(examples=png(), content=png()), headers=anna)
    assert made.status_code == 202, made.text
    await fake_worker.do_one()
    (result,) = (await client.get("/v1/images?role=result", headers=anna)).json()["items"]
    payload = Payload(number, result_code(result["id"].encode()))
    async with services.sessions.begin() as session:
        which = ImageRow.id == result["id"]
        await session.execute(update(ImageRow).where(which).values(watermark=payload.result))
    found = jpeg(payload)
    stored = await services.blobs.keys()

    hers = await detected(client, found, anna)
    assert hers["made_by_fewstroke"]
    assert hers["watermark"] == {
        "maker": "this_service",
        "result_id": result["id"],
        "scale": pytest.approx(1, abs=0.01),
    }
    assert (hers["manifest"], hers["record"]) == (None, None)
    his = await detected(client, found, ben)
    assert his["watermark"] == {
        "maker": "this_service",
        "result_id": None,
        "scale": pytest.approx(1, abs=0.01),
    }
    assert await services.blobs.keys() == stored, "nothing is kept"

    assert (await client.delete(f"/v1/images/{result['id']}", headers=anna)).status_code == 204
    assert (await detected(client, found, anna))["watermark"] == his["watermark"]


@pytest.mark.parametrize(
    ("service", "maker"), [(COMMAND_LINE, "command_line"), (77, "other_service")], ids=["cli", "other"]
)
async def test_others_have_marks_too(client: httpx.AsyncClient, service: int, maker: str) -> None:
    seen = await detected(client, jpeg(Payload(service, 5)))
    assert seen["made_by_fewstroke"]
    assert seen["watermark"]["maker"] == maker
    assert seen["watermark"]["result_id"] is None


async def test_a_photo_tells_nothing(client: httpx.AsyncClient) -> None:
    assert await detected(client, jpeg()) == {
        "made_by_fewstroke": False,
        "watermark": None,
        "manifest": None,
        "record": None,
        "digital_source_type": None,
    }


async def test_manifests_tell_who_signed_and_how_it_was_made(client: httpx.AsyncClient) -> None:
    record = {"app": "Fewstroke", "job_id": "job_x"}
    signed = signer().sign(encoded(picture(64, 48), "PNG"), "image/png", Claim(record))
    seen = await detected(client, signed)
    assert (seen["made_by_fewstroke"], seen["record"]) == (True, record)
    assert seen["manifest"]["state"] == "valid"
    assert seen["digital_source_type"].endswith("/compositeWithTrainedAlgorithmicMedia")

    position = signed.rindex(b"IDAT") + 30
    changed = signed[:position] + bytes([signed[position] ^ 1]) + signed[position + 1 :]
    answer = await client.post("/v1/detections", files={"file": ("x.png", changed)})
    if answer.status_code == 200:  # else the change has damaged the picture itself
        assert not answer.json()["made_by_fewstroke"]

    camera = await detected(client, with_manifest(signer()))
    assert (camera["made_by_fewstroke"], camera["record"]) == (False, None)
    assert camera["manifest"]["generator"] == "A Camera"


async def test_what_is_no_picture_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/detections", files={"file": ("x.txt", b"no picture")})
    check_problem(answer, 415, "image_format_unsupported")
    check_problem(
        await client.post("/v1/detections", files={"x": ("x", BytesIO(b"1"))}), 422, "validation_failed"
    )
