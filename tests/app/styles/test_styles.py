"""Styles: created, adapted, listed, downloaded, imported, deleted."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from app.api.services import Container
from app.images.tables import ImageRow
from app.infra.broker import BrokerUnavailableError
from app.jobs.job import JobState
from app.styles.tables import StyleRow
from app.worker.inputs import load_inputs
from app.worker.results import succeed_with
from tests.support.database import nothing_stored
from tests.support.fake_worker import FakeWorker, ready_style, style_bytes
from tests.support.pictures import encoded, files, picture, png
from tests.support.signing import signer
from tests.support.waiting import eventually


async def test_a_style_is_accepted_then_ready(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    answer = await client.post(
        "/v1/styles",
        files=files(examples=[png(seed=1), png(seed=2)], contents=png(seed=3)),
        data={"name": "Waves", "steps": "3", "seed": "7"},
    )
    assert answer.status_code == 202
    assert answer.headers["retry-after"] == "1"
    assert "preference-applied" not in answer.headers
    body = answer.json()
    style, job = body["style"], body["job"]
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert (style["name"], style["status"], style["file_url"]) == ("Waves", "pending", None)
    assert (job["kind"], job["state"], job["style_id"]) == ("adapt", "queued", style["id"])

    taken, delivery = await fake_worker.take()
    assert (taken.id, taken.params["steps"], taken.params["seed"]) == (job["id"], 3, 7)
    assert len(taken.params["examples"]) == 2
    assert len(taken.params["contents"]) == 1
    await fake_worker.finish(taken, delivery)

    style = (await client.get(f"/v1/styles/{style['id']}")).json()
    assert style["status"] == "ready"
    assert style["header"]["k"] == 2
    job = (await client.get(f"/v1/jobs/{job['id']}")).json()
    assert (job["state"], job["attempt"], job["error"]) == ("succeeded", 1, None)
    assert job["result"] == {
        "style_id": style["id"],
        "images": [],
        "files": [],
        "losses": {"start": {"total": 1.0}, "end": {"total": 0.5}},
        "steps": 3,
        "seconds": 0.5,
    }


async def test_the_file_can_be_downloaded_and_imported(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style_id = await ready_style(client, fake_worker)
    file = await client.get(f"/v1/styles/{style_id}/file")
    assert file.status_code == 200
    assert file.headers["content-disposition"] == f'attachment; filename="{style_id}.safetensors"'
    assert int(file.headers["content-length"]) == len(file.content)
    assert file.content == style_bytes(await services.checkpoint.base_hash(), k=1)

    answer = await client.post("/v1/styles/import", files=files(file=file.content), data={"name": "Copy"})
    assert answer.status_code == 201
    copy = answer.json()
    assert answer.headers["location"] == f"/v1/styles/{copy['id']}"
    assert (copy["name"], copy["status"], copy["job_id"], copy["header"]["k"]) == ("Copy", "ready", None, 1)
    assert (await client.get(copy["file_url"])).content == file.content

    answer = await client.post("/v1/stylizations", files=files(contents=png()), data={"style_id": copy["id"]})
    assert answer.status_code == 202
    assert (await fake_worker.do_one()).state is JobState.SUCCEEDED


async def test_styles_are_listed_newest_first_in_pages(client: httpx.AsyncClient) -> None:
    answers = [await client.post("/v1/styles", files=files(examples=png())) for _ in range(5)]
    ids = [answer.json()["style"]["id"] for answer in answers]
    assert len(set(ids)) == 5
    seen: list[str] = []
    query: str | None = "limit=2"
    while query is not None:
        page = (await client.get(f"/v1/styles?{query}")).json()
        assert len(page["items"]) <= 2
        seen.extend(item["id"] for item in page["items"])
        query = f"limit=2&after={page['next']}" if page["next"] else None
    assert seen == sorted(ids, reverse=True)


async def test_deleting_a_ready_style(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style_id = await ready_style(client, fake_worker)
    assert await services.blobs.keys() != []
    answer = await client.delete(f"/v1/styles/{style_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get(f"/v1/styles/{style_id}")).status_code == 404
    assert await services.blobs.keys() == []
    assert (await client.get("/v1/jobs")).json()["items"][0]["state"] == "succeeded", "history stays"
    assert (await client.delete(f"/v1/styles/{style_id}")).status_code == 404


async def test_deleting_a_style_while_it_is_adapted(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    created = (await client.post("/v1/styles", files=files(examples=png()))).json()
    job, _ = await fake_worker.take()
    outcome = await fake_worker.outcome(job)
    watch = await services.broker.watch_cancel(job.id)
    assert (await client.delete(f"/v1/styles/{created['style']['id']}")).status_code == 204
    assert (await services.ledger.get(job.id)).state is JobState.CANCELING
    await eventually(watch.requested)
    await watch.close()
    assert not await succeed_with(services.ledger, services.blobs, signer(), job, outcome)
    assert await services.ledger.confirm_canceled(job.id, job.attempt)
    assert await services.blobs.keys() == []
    async with services.sessions() as session:
        assert await session.get(StyleRow, created["style"]["id"]) is None


async def test_a_style_of_a_canceled_job(client: httpx.AsyncClient) -> None:
    created = (await client.post("/v1/styles", files=files(examples=png()))).json()
    await client.post(f"/v1/jobs/{created['job']['id']}/cancel")
    style = (await client.get(f"/v1/styles/{created['style']['id']}")).json()
    assert style["status"] == "canceled"


async def test_uploads_are_stored_normalised(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    services.settings.example_side = 200
    see_through = picture(mode="RGB").convert("RGBA")
    see_through.putalpha(128)
    await client.post(
        "/v1/styles",
        files=files(
            examples=[encoded(picture(400, 300), "JPEG"), encoded(see_through)], contents=encoded(see_through)
        ),
    )
    job, _ = await fake_worker.take()
    async with services.sessions() as session:
        photo, painting = [await session.get_one(ImageRow, name) for name in job.params["examples"]]
        content = await session.get_one(ImageRow, job.params["contents"][0])
    assert (photo.media_type, photo.width, photo.height) == ("image/jpeg", 200, 150)
    assert painting.media_type == content.media_type == "image/png"
    inputs = await load_inputs(job, services.sessions, services.blobs)
    assert [image.mode for image in inputs.examples] == ["RGB", "RGB"], "examples have no alpha"
    assert [image.mode for image in inputs.contents] == ["RGBA"], "contents keep it"


async def test_the_broker_may_be_away(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer needs the ledger only; the reconciler tells the queue later."""

    async def away(*_: object, **__: object) -> int:
        raise BrokerUnavailableError("nobody answers")

    with monkeypatch.context() as patch:
        patch.setattr(services.broker, "publish_job", away)
        patch.setattr(services.broker, "publish_event", away)
        patch.setattr("app.jobs.reconciler._GRACE", timedelta(0))
        answer = await client.post("/v1/styles", files=files(examples=png()))
        assert answer.status_code == 202
        job_id = answer.json()["job"]["id"]
        assert [job.id for job in await services.ledger.unpublished(timedelta(0))] == [job_id]
        patch.undo()
        patch.setattr("app.jobs.reconciler._GRACE", timedelta(0))
        await services.reconciler.reconcile()
    assert (await fake_worker.do_one()).id == job_id


async def test_nothing_is_stored_before_the_first_request(services: Container) -> None:
    assert await nothing_stored(services)
