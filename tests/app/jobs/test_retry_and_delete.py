"""Trying failed jobs again, and deleting what nobody needs."""

from __future__ import annotations

import json
from datetime import timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import httpx
import pytest

from app.api.services import Container
from app.jobs.job import Job, JobState
from tests.support.database import nothing_stored
from tests.support.fake_worker import FakeWorker, ready_style
from tests.support.pictures import files, png
from tests.support.problems import check_problem


async def stylize(client: httpx.AsyncClient, style: str, **more: Any) -> dict[str, Any]:
    answer = await client.post(
        "/v1/stylizations", files=files(contents=png(), **more), data={"style_id": style}
    )
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def fail(fake_worker: FakeWorker, services: Container) -> str:
    job, delivery = await fake_worker.take()
    assert await services.ledger.fail(job.id, job.attempt, code="job_failed", detail="Broken: try again.")
    await delivery.ack()
    return job.id


async def test_a_failed_adaptation_is_tried_again(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    created = (await client.post("/v1/styles", files=files(examples=[png(), png(seed=1)]))).json()
    first = await fail(fake_worker, services)
    url = f"/v1/styles/{created['style']['id']}"
    assert (await client.get(url)).json()["status"] == "failed"

    answer = await client.post(f"/v1/jobs/{first}/retry")
    assert answer.status_code == 202, answer.text
    retry = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{retry['id']}"
    assert (retry["state"], retry["attempt"], retry["retry_of"]) == ("queued", 0, first)
    assert retry["id"] != first
    style = (await client.get(url)).json()
    assert (style["status"], style["job_id"]) == ("pending", retry["id"])
    assert (await client.get(f"/v1/jobs/{first}")).json()["state"] == "failed", "final is final"

    done = await fake_worker.do_one()
    assert (done.id, done.state) == (retry["id"], JobState.SUCCEEDED)
    assert (await client.get(url)).json()["status"] == "ready"


async def test_a_retry_renders_the_same_stylization(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    body = await stylize(client, await ready_style(client, fake_worker))
    first = await fail(fake_worker, services)
    retry = (await client.post(f"/v1/jobs/{first}/retry")).json()
    await fake_worker.do_one()
    done = (await client.get(f"/v1/stylizations/{body['stylization']['id']}")).json()
    assert (done["job"]["id"], len(done["images"])) == (retry["id"], 1)
    assert done["items"][0]["content_id"] == body["stylization"]["items"][0]["content_id"]


async def test_a_request_sent_again_after_a_retry_is_answered_with_the_retry(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container, subtests: pytest.Subtests
) -> None:
    style = await ready_style(client, fake_worker)
    requests: dict[str, dict[str, Any]] = {
        "styles": {"files": files(examples=png())},
        "stylizations": {"files": files(contents=png()), "data": {"style_id": style}},
        "stylize": {"files": files(examples=png(), content=png())},
    }
    for path, request in requests.items():
        with subtests.test(path):
            key = {"Idempotency-Key": f"key-{path}"}
            first = (await client.post(f"/v1/{path}", **request, headers=key)).json()
            job = first["job"]["id"]
            for _ in range(2):  # a retry, and a retry of it
                assert await fail(fake_worker, services) == job
                job = (await client.post(f"/v1/jobs/{job}/retry")).json()["id"]
            again = await client.post(f"/v1/{path}", **request, headers=key)
            assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true"), again.text
            assert again.headers["location"] == f"/v1/jobs/{job}"
            assert again.json()["job"]["id"] == job
            for made in first.keys() - {"job"}:
                assert again.json()[made]["id"] == first[made]["id"]
            await fake_worker.do_one()
            picture = await client.post(f"/v1/{path}", **request, headers=key | {"Accept": "image/png"})
            assert (picture.status_code, picture.headers["location"]) == (200, f"/v1/jobs/{job}")


async def test_who_waits_for_a_job_that_is_retried_meanwhile_gets_the_retry(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = await ready_style(client, fake_worker)
    wait = services.jobs.wait
    waited: list[str] = []

    async def disturbed(job_id: str, seconds: float, **how: Any) -> Job:
        waited.append(job_id)
        if len(waited) == 1:
            assert await fail(fake_worker, services) == job_id
            await client.post(f"/v1/jobs/{job_id}/retry")
        else:
            await fake_worker.do_one()
        return await wait(job_id, seconds, **how)

    monkeypatch.setattr(services.jobs, "wait", disturbed)
    answer = await client.post(
        "/v1/stylizations",
        files=files(contents=png()),
        data={"style_id": style},
        headers={"Prefer": "wait=60"},
    )
    assert answer.status_code == 200, answer.text
    job = answer.json()["job"]
    assert (job["id"], job["retry_of"], job["state"]) == (waited[1], waited[0], "succeeded")
    assert len(answer.json()["stylization"]["images"]) == 1


async def test_canceled_and_expired_jobs_too(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    for end in ("canceled", "expired"):
        job_id = (await client.post("/v1/stylize", files=files(examples=png(), content=png()))).json()["job"][
            "id"
        ]
        if end == "canceled":
            await client.post(f"/v1/jobs/{job_id}/cancel")
        else:
            assert len(await services.ledger.expire(timedelta(0))) == 1
        delivery = await services.broker.next_job(["stylize_once"], timeout=5)
        assert delivery is not None
        await delivery.ack()
        retry = (await client.post(f"/v1/jobs/{job_id}/retry")).json()
        assert (await fake_worker.do_one()).id == retry["id"]


async def test_what_cannot_be_retried(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    job_id = (await client.post("/v1/styles", files=files(examples=png()))).json()["job"]["id"]
    check_problem(await client.post(f"/v1/jobs/{job_id}/retry"), 409, "job_not_retryable")
    await fake_worker.do_one()
    check_problem(await client.post(f"/v1/jobs/{job_id}/retry"), 409, "job_not_retryable")
    check_problem(await client.post("/v1/jobs/job_none/retry"), 404, "job_not_found")


async def test_a_job_is_retried_once(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    await client.post("/v1/styles", files=files(examples=png()))
    first = await fail(fake_worker, services)
    second = (await client.post(f"/v1/jobs/{first}/retry")).json()["id"]
    again = check_problem(await client.post(f"/v1/jobs/{first}/retry"), 409, "job_not_retryable")
    assert second in again["detail"]
    assert await fail(fake_worker, services) == second
    third = (await client.post(f"/v1/jobs/{second}/retry")).json()
    assert third["retry_of"] == second


async def test_a_retry_needs_what_the_first_job_needed(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style = await ready_style(client, fake_worker)
    for gone in ("stylizations", "images", "styles"):
        body = await stylize(client, style)
        first = await fail(fake_worker, services)
        ids = {
            "stylizations": body["stylization"]["id"],
            "images": body["stylization"]["items"][0]["content_id"],
            "styles": style,
        }
        assert (await client.delete(f"/v1/{gone}/{ids[gone]}")).status_code == 204
        check_problem(await client.post(f"/v1/jobs/{first}/retry"), 409, "job_not_retryable")
        assert (await client.get("/v1/jobs?state=queued")).json()["items"] == []


async def test_deleting_a_stylization(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style = await ready_style(client, fake_worker)
    before = await services.blobs.keys()
    body = await stylize(client, style, mask=png(seed=5))
    url = f"/v1/stylizations/{body['stylization']['id']}"
    check_problem(await client.delete(url), 409, "resource_in_use")
    assert (await client.get(url)).status_code == 200
    job = await fake_worker.do_one()
    assert len(await services.blobs.keys()) == len(before) + 3  # content, mask, result
    assert (await client.delete(url)).status_code == 204
    assert await services.blobs.keys() == before
    check_problem(await client.get(url), 404, "stylization_not_found")
    check_problem(await client.delete(url), 404, "stylization_not_found")
    assert job.result is not None
    image = await client.get(f"/v1/images/{job.result['images'][0]}")
    check_problem(image, 404, "image_not_found")
    assert (await client.get(f"/v1/styles/{style}")).json()["status"] == "ready"


async def test_a_style_is_kept_while_a_job_needs_it(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    inside, outside = [await ready_style(client, fake_worker) for _ in range(2)]
    form = {"style_id": inside, "outside_style_id": outside}
    answer = await client.post("/v1/stylizations", files=files(contents=png(), mask=png()), data=form)
    assert answer.status_code == 202
    for style in (inside, outside):
        check_problem(await client.delete(f"/v1/styles/{style}"), 409, "resource_in_use")
    await fake_worker.do_one()
    for style in (inside, outside):
        assert (await client.delete(f"/v1/styles/{style}")).status_code == 204


async def test_both_halves_of_one_call_go(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    body = (await client.post("/v1/stylize", files=files(examples=png(), content=png()))).json()
    await fake_worker.do_one()
    style, stylization = body["style"]["id"], body["stylization"]["id"]
    assert (await client.delete(f"/v1/styles/{style}")).status_code == 204
    assert len((await client.get(f"/v1/stylizations/{stylization}")).json()["images"]) == 1
    assert (await client.get("/v1/images?role=example")).json()["items"] == []
    assert (await client.delete(f"/v1/stylizations/{stylization}")).status_code == 204
    assert await services.blobs.keys() == []
    assert not await nothing_stored(services), "the job stays, as history"


async def test_deleting_an_image(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style = await ready_style(client, fake_worker)
    body = await stylize(client, style)
    content = body["stylization"]["items"][0]["content_id"]
    check_problem(await client.delete(f"/v1/images/{content}"), 409, "resource_in_use")
    job = await fake_worker.do_one()
    assert job.result is not None
    result = job.result["images"][0]
    for image in (content, result):
        assert (await client.delete(f"/v1/images/{image}")).status_code == 204
        check_problem(await client.get(f"/v1/images/{image}"), 404, "image_not_found")
        check_problem(await client.delete(f"/v1/images/{image}"), 404, "image_not_found")
    assert not [key for key in await services.blobs.keys() if job.id in key]


async def test_images_are_listed(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    body = await stylize(client, await ready_style(client, fake_worker))
    await fake_worker.do_one()

    async def roles(query: str) -> list[str]:
        page = (await client.get(f"/v1/images?{query}")).json()
        return [item["role"] for item in page["items"]]

    assert await roles("") == ["result", "content", "example"]
    assert await roles("role=content&role=example") == ["content", "example"]
    assert await roles(f"job_id={body['job']['id']}") == ["result", "content"]
    page = (await client.get("/v1/images?limit=1")).json()
    assert await roles(f"limit=2&after={page['next']}") == ["content", "example"]


async def test_styles_are_renamed(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    style = await ready_style(client, fake_worker)
    url = f"/v1/styles/{style}"

    async def patch(body: dict[str, Any]) -> list[str | None]:
        answer = await client.patch(url, json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == (await client.get(url)).json()
        return [answer.json()["name"], answer.json()["description"]]

    assert await patch({"name": "Waves", "description": "Woodblock."}) == ["Waves", "Woodblock."]
    assert await patch({"name": "Sea"}) == ["Sea", "Woodblock."]
    assert await patch({"description": None}) == ["Sea", None]
    assert await patch({}) == ["Sea", None]
    for bad in ({"name": ""}, {"nam": "x"}, {"name": 3}):
        check_problem(await client.patch(url, json=bad), 422, "validation_failed")
    check_problem(await client.patch("/v1/styles/sty_none", json={"name": "x"}), 404, "style_not_found")


async def test_styles_are_filtered(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    ids = {}
    for name in ("Sea 100%", "seal", "Desert"):
        body = (await client.post("/v1/styles", files=files(examples=png()), data={"name": name})).json()
        ids[name] = (body["style"]["id"], body["job"]["id"])
    await fake_worker.do_one()
    await fail(fake_worker, services)

    async def listed(**query: Any) -> list[str]:
        page = (await client.get("/v1/styles", params=query)).json()
        return [item["name"] for item in page["items"]]

    assert await listed(name="SEA") == ["seal", "Sea 100%"]
    assert await listed(name="%") == ["Sea 100%"]
    await client.patch(f"/v1/styles/{ids['Desert'][0]}", json={"name": "Ночь ÉTÉ"})
    for part in ("été", "ÉT", "ночь", "НОЧЬ é"):
        assert await listed(name=part) == ["Ночь ÉTÉ"], part
    await client.patch(f"/v1/styles/{ids['Desert'][0]}", json={"name": "Desert"})
    assert await listed(status="ready") == ["Sea 100%"]
    assert await listed(status="failed") == ["seal"]
    assert await listed(status=["pending", "failed"]) == ["Desert", "seal"]
    await client.post(f"/v1/jobs/{ids['Desert'][1]}/cancel")
    assert await listed(status="canceled") == ["Desert"]
    assert await listed(status="pending") == []


async def test_jobs_are_filtered_by_kind_and_style(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    style = await ready_style(client, fake_worker)
    body = await stylize(client, style)

    async def listed(query: str) -> list[str]:
        return [item["kind"] for item in (await client.get(f"/v1/jobs?{query}")).json()["items"]]

    assert await listed("kind=stylize") == ["stylize"]
    assert await listed("kind=stylize&kind=adapt") == ["stylize", "adapt"]
    assert await listed(f"style_id={style}") == ["stylize", "adapt"]
    assert await listed("style_id=sty_none") == []
    check_problem(await client.get("/v1/jobs?kind=unheard"), 422, "validation_failed")
    assert body["job"]["kind"] == "stylize"


async def test_a_deleted_result_is_named_no_more(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    style = await ready_style(client, fake_worker)
    answer = await client.post(
        "/v1/stylizations", files=files(contents=[png(), png(seed=1)]), data={"style_id": style}
    )
    url = f"/v1/stylizations/{answer.json()['stylization']['id']}"
    job = await fake_worker.do_one()
    before = (await client.get(url)).json()
    gone, stays = before["images"]
    assert (await client.delete(f"/v1/images/{gone['id']}")).status_code == 204

    after = (await client.get(url)).json()
    assert [item["status"] for item in after["items"]] == ["deleted", "succeeded"]
    assert [item["image"] for item in after["items"]] == [None, stays]
    assert after["images"] == [stays]
    assert after["items"][0]["content_id"] == before["items"][0]["content_id"]
    (listed,) = (await client.get("/v1/stylizations")).json()["items"]
    assert listed == after

    archive = ZipFile(BytesIO((await client.get(f"{url}/zip")).content))
    assert archive.namelist() == ["manifest.json", "002-1.png"]
    assert json.loads(archive.read("manifest.json")) == after
    made = [image["id"] for image in (await client.get(f"/v1/jobs/{job.id}")).json()["result"]["images"]]
    assert made == [gone["id"], stays["id"]], "the job's record of what it made"
    check_problem(await client.get(gone["url"]), 404, "image_not_found")
