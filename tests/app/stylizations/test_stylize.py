"""Stylizations and the one call, with waiting and with a picture as the answer."""

from __future__ import annotations

import asyncio
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image

from app.api.services import Container
from app.jobs.job import JobState
from tests.support.fake_worker import FakeWorker, ready_style
from tests.support.pictures import encoded, files, picture, png
from tests.support.problems import check_problem

PAIR = files(examples=[png(seed=1), png(seed=2)], content=png(seed=3))


async def test_a_style_applied_to_photos(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    style_id = await ready_style(client, fake_worker)
    contents = [png(seed=1), png(40, 30, seed=2)]
    answer = await client.post(
        "/v1/stylizations",
        files=files(contents=contents),
        data={
            "style_id": style_id,
            "strength": "0.5",
            "size": "64",
            "abstraction": "0.75",
            "stroke_size": "2.5",
            "format": "webp",
            "quality": "80",
        },
    )
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{body['job']['id']}"
    assert body["stylization"]["style_id"] == style_id
    assert body["stylization"]["images"] == []
    job, delivery = await fake_worker.take()
    options = {
        name: job.params[name]
        for name in ("style_id", "strength", "size", "abstraction", "stroke_size", "format", "quality")
    }
    assert options == {
        "style_id": style_id,
        "strength": 0.5,
        "size": 64,
        "abstraction": 0.75,
        "stroke_size": 2.5,
        "format": "webp",
        "quality": 80,
    }
    await fake_worker.finish(job, delivery)

    done = (await client.get(f"/v1/stylizations/{body['stylization']['id']}")).json()
    assert done["job"]["state"] == "succeeded"
    assert len(done["images"]) == 2
    for index, (image, size) in enumerate(zip(done["images"], [(64, 48), (40, 30)], strict=True)):
        meta = (await client.get(f"/v1/images/{image['id']}")).json()
        assert (meta["role"], meta["media_type"]) == ("result", "image/webp")
        assert meta["source_id"] == job.params["contents"][index]
        assert (meta["width"], meta["height"]) == size
        assert Image.open(BytesIO((await client.get(image["url"])).content)).size == size


async def test_one_call_makes_a_style_and_a_picture(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    answer = await client.post("/v1/stylize", files=PAIR, data={"name": "Once"})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["job"]["kind"], body["style"]["name"]) == ("stylize_once", "Once")
    job = await fake_worker.do_one()
    assert job.params["format"] == "png"
    style = (await client.get(f"/v1/styles/{body['style']['id']}")).json()
    assert style["status"] == "ready"
    stylization = (await client.get(f"/v1/stylizations/{body['stylization']['id']}")).json()
    assert stylization["style_id"] == style["id"]
    assert len(stylization["images"]) == 1


async def test_the_answer_is_the_picture(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    """The one curl line."""
    async with fake_worker.busy():
        answer = await client.post(
            "/v1/stylize", files=PAIR, headers={"Prefer": "wait=20", "Accept": "image/png"}
        )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["preference-applied"] == "wait=20"
    result = np.asarray(Image.open(BytesIO(answer.content))).astype(int)
    photo = np.asarray(picture(seed=3)).astype(int)
    assert np.array_equal(result, 255 - photo), "what the fake worker makes: the inverted photo"
    job = (await client.get(f"/v1/jobs/{answer.headers['x-job-id']}")).json()
    assert job["state"] == "succeeded"
    assert job["style_id"] == answer.headers["x-style-id"]
    assert job["result"]["images"][0]["id"] == answer.headers["x-image-id"]
    again = await client.get(answer.headers["content-location"])
    assert again.content == answer.content


ANSWERS = [
    ("image/*", None, "image/png"),
    ("image/webp, image/png;q=0.5", None, "image/webp"),
    ("image/*", "jpeg", "image/jpeg"),
    ("image/jpeg, */*;q=0.1", None, "image/jpeg"),
    ("application/json, image/png;q=0.5", None, "application/json"),
    ("*/*", "webp", "application/json"),
    ("application/json", None, "application/json"),
]


async def test_accept(client: httpx.AsyncClient, fake_worker: FakeWorker, subtests: pytest.Subtests) -> None:
    async with fake_worker.busy():
        for accept, format, expected in ANSWERS:
            with subtests.test(f"{accept} {format}"):
                answer = await client.post(
                    "/v1/stylize",
                    files=PAIR,
                    data={"format": format} if format else {},
                    headers={"Prefer": "respond-async, wait=20", "Accept": accept},
                )
                assert answer.status_code == 200
                assert answer.headers["content-type"] == expected
                if expected == "application/json":
                    assert answer.json()["job"]["state"] == "succeeded"
                    assert answer.json()["style"]["status"] == "ready"
                    assert len(answer.json()["stylization"]["images"]) == 1
                else:
                    assert f"image/{Image.open(BytesIO(answer.content)).format}".lower() == expected


async def test_when_the_wait_runs_out(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    answer = await client.post("/v1/stylize", files=PAIR, headers={"Prefer": "wait=0", "Accept": "image/png"})
    problem = check_problem(answer, 504, "wait_timeout")  # so that `curl -f -o out.png` writes no JSON
    assert answer.headers["preference-applied"] == "wait=0"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["location"] == f"/v1/jobs/{problem['job_id']}"
    await fake_worker.do_one()
    assert (await client.get(answer.headers["location"])).json()["state"] == "succeeded"


async def test_a_picture_is_waited_for_without_a_word(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    async with fake_worker.busy():
        answer = await client.post("/v1/stylize", files=PAIR, headers={"Accept": "image/webp"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["preference-applied"] == "wait=300"


async def test_the_wait_is_capped_and_malformed_ones_are_ignored(
    client: httpx.AsyncClient, services: Container
) -> None:
    services.settings.max_wait_seconds = 0
    for prefer, applied in (
        ("wait=99999", "wait=0"),
        ("wait=soon", None),
        ("wait", None),
        ("return=x", None),
    ):
        answer = await client.post("/v1/styles", files=files(examples=png()), headers={"Prefer": prefer})
        assert answer.status_code == 202
        assert answer.headers.get("preference-applied") == applied


async def test_the_other_posts_wait_too(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    async with fake_worker.busy():
        wait = {"Prefer": "wait=20"}
        answer = await client.post("/v1/styles", files=files(examples=png()), headers=wait)
        assert answer.status_code == 200
        style = answer.json()["style"]
        assert style["status"] == "ready"
        answer = await client.post(
            "/v1/stylizations", files=files(contents=png()), data={"style_id": style["id"]}, headers=wait
        )
        assert answer.status_code == 200
        assert len(answer.json()["stylization"]["images"]) == 1


async def test_waiting_ends_although_the_last_event_never_comes(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies between its commit and its last event: the ledger is the truth."""
    monkeypatch.setattr("app.jobs.service._LOOK_EVERY", 0.1)
    request = asyncio.create_task(
        client.post("/v1/styles", files=files(examples=png()), headers={"Prefer": "wait=20"})
    )
    job, _ = await fake_worker.take()
    assert await services.ledger.fail(job.id, 1, code="job_failed", detail="Broken: try again.")
    answer = await request
    assert answer.status_code == 200
    assert answer.json()["job"]["error"] == {"code": "job_failed", "detail": "Broken: try again."}


async def test_waiting_ends_with_the_last_event_not_with_the_next_look(
    client: httpx.AsyncClient, fake_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.service._LOOK_EVERY", 3600.0)
    request = asyncio.create_task(
        client.post("/v1/styles", files=files(examples=png()), headers={"Prefer": "wait=20"})
    )
    job, delivery = await fake_worker.take()
    await asyncio.sleep(0.2)  # the request has looked at the ledger, and waits
    await fake_worker.finish(job, delivery)
    assert (await request).headers["preference-applied"] == "wait=20"
    assert (await request).json()["job"]["state"] == "succeeded"


async def test_a_failed_job_is_no_picture(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    headers = {"Prefer": "wait=20", "Accept": "image/*"}
    request = asyncio.create_task(client.post("/v1/stylize", files=PAIR, headers=headers))
    job, delivery = await fake_worker.take()
    await services.ledger.fail(job.id, 1, code="out_of_memory", detail="Too large: send a smaller photo.")
    await services.jobs.announce(job.id, JobState.FAILED)
    await delivery.ack()  # or a slow machine gets it again below
    problem = check_problem(await request, 500, "job_failed")
    assert problem["detail"] == "Too large: send a smaller photo."
    assert (problem["job_id"], problem["job_code"]) == (job.id, "out_of_memory")

    request = asyncio.create_task(client.post("/v1/stylize", files=PAIR, headers=headers))
    job, _ = await fake_worker.take()
    await services.jobs.cancel(job.id)
    await services.ledger.confirm_canceled(job.id, 1)
    await services.jobs.announce(job.id, JobState.CANCELED)
    assert job.id in check_problem(await request, 409, "job_canceled")["detail"]


async def test_large_contents_are_scaled_to_what_can_be_made(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    services.settings.max_output_side = 256
    big = encoded(picture(512, 300), "JPEG")
    answer = await client.post("/v1/stylize", files=files(examples=png(), content=big))
    await fake_worker.do_one()
    done = (await client.get(f"/v1/stylizations/{answer.json()['stylization']['id']}")).json()
    meta = (await client.get(f"/v1/images/{done['images'][0]['id']}")).json()
    assert (meta["width"], meta["height"]) == (256, 150)


async def test_size_asks_for_more_than_the_default(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    services.settings.default_output_side = 256
    big = encoded(picture(512, 300), "JPEG")
    for size, expected in ((None, (256, 150)), (400, (400, 234)), (4000, (512, 300))):
        data = {} if size is None else {"size": str(size)}
        answer = await client.post("/v1/stylize", files=files(examples=png(), content=big), data=data)
        await fake_worker.do_one()
        done = (await client.get(f"/v1/stylizations/{answer.json()['stylization']['id']}")).json()
        for image_id in (done["images"][0]["id"], done["items"][0]["content_id"]):  # not kept larger either
            meta = (await client.get(f"/v1/images/{image_id}")).json()
            assert (meta["width"], meta["height"]) == expected


async def test_contents_of_a_request_are_limited_together(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style_id = await ready_style(client, fake_worker)
    services.settings.max_request_pixels = 5000
    contents = [png(64, 48, seed=1), png(64, 48, seed=2), png(40, 40, seed=3)]  # 3072, 3072, 1600
    answer = await client.post(
        "/v1/stylizations", files=files(contents=contents), data={"style_id": style_id}
    )
    assert answer.status_code == 202
    items = answer.json()["stylization"]["items"]
    assert [item["error"] and item["error"]["code"] for item in items] == [None, "image_too_large", None]
    assert "request of its own" in items[1]["error"]["detail"]

    services.settings.max_request_pixels = 1000
    answer = await client.post(
        "/v1/stylizations", files=files(contents=contents), data={"style_id": style_id}
    )
    check_problem(answer, 422, "image_too_large")
