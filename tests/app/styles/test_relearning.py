"""Styles of another base checkpoint: shown, refused, and learned again from their examples."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import httpx
import pytest

from app.api.services import Container
from app.infra.db import utcnow
from app.infra.facts import BASE, set_fact
from app.jobs.job import JobKind, JobState
from app.styles.tables import StyleRow
from tests.support.fake_worker import FakeWorker, ready_style, style_bytes
from tests.support.pictures import files, png
from tests.support.problems import check_problem

Upgrade = Callable[[], Awaitable[None]]


@pytest.fixture
def upgraded(services: Container) -> Upgrade:
    """What a start with another checkpoint does."""

    async def upgrade() -> None:
        assert services.settings.checkpoint is not None
        services.settings.checkpoint.write_bytes(b"another base checkpoint")
        await set_fact(services.sessions, BASE, await services.checkpoint.base_hash())

    return upgrade


async def statuses(client: httpx.AsyncClient, **query: str) -> list[str]:
    page = (await client.get("/v1/styles", params=query)).json()
    return [style["status"] for style in page["items"]]


async def test_a_style_of_another_checkpoint_is_outdated_and_refused(
    client: httpx.AsyncClient, fake_worker: FakeWorker, upgraded: Upgrade
) -> None:
    style_id = await ready_style(client, fake_worker)
    await upgraded()
    current = await ready_style(client, fake_worker)

    assert (await client.get(f"/v1/styles/{style_id}")).json()["status"] == "outdated"
    assert await statuses(client) == ["ready", "outdated"]
    assert await statuses(client, status="outdated") == ["outdated"]
    assert await statuses(client, status="ready") == ["ready"]
    for form in (
        {"style_id": style_id},
        {"style_id": [current, style_id]},
        {"style_id": current, "outside_style_id": style_id},
    ):
        given = files(contents=png(), mask=png()) if "outside_style_id" in form else files(contents=png())
        refused = await client.post("/v1/stylizations", files=given, data=form)
        check_problem(refused, 409, "style_base_mismatch")
        assert f"POST /v1/styles/{style_id}/relearn" in refused.json()["detail"]
    check_problem(await client.get(f"/v1/styles/{style_id}/onnx"), 409, "style_base_mismatch")
    assert (await client.get(f"/v1/styles/{style_id}/file")).status_code == 200, "it can be kept"


async def test_an_outdated_style_is_learned_again_under_its_id(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container, upgraded: Upgrade
) -> None:
    form = {"name": "Waves", "steps": "3", "seed": "7"}
    given = files(examples=[png(seed=1), png(seed=2)], contents=png(seed=3))
    created = (await client.post("/v1/styles", files=given, data=form)).json()["style"]
    first = await fake_worker.do_one()
    url = f"/v1/styles/{created['id']}"
    before = (await client.get(url)).json()
    async with services.sessions() as session:
        old_file = (await session.get_one(StyleRow, created["id"])).blob_key
    await upgraded()

    answer = await client.post(f"{url}/relearn", headers={"Idempotency-Key": "again"})
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["kind"], job["state"], job["style_id"]) == ("adapt", "queued", created["id"])
    style = answer.json()["style"]
    assert (style["status"], style["job_id"], style["name"]) == ("pending", job["id"], "Waves")
    assert await statuses(client, status="pending") == ["pending"]
    check_problem(
        await client.post("/v1/stylizations", files=files(contents=png()), data={"style_id": created["id"]}),
        409,
        "style_not_ready",
    )
    replayed = await client.post(f"{url}/relearn", headers={"Idempotency-Key": "again"})
    assert replayed.json()["job"]["id"] == job["id"]
    assert replayed.headers["idempotency-replayed"] == "true"
    check_problem(await client.post(f"{url}/relearn"), 409, "style_not_relearnable")

    done = await fake_worker.do_one()
    assert (done.id, done.kind, done.state) == (job["id"], JobKind.ADAPT, JobState.SUCCEEDED)
    kept = ("examples", "contents", "style_id", "steps", "seed")
    assert {name: done.params[name] for name in kept} == {name: first.params[name] for name in kept}
    after = (await client.get(url)).json()
    assert (after["status"], after["name"]) == ("ready", "Waves")
    assert after["base_hash"] != before["base_hash"]
    assert (await client.get(f"{url}/file")).status_code == 200
    assert old_file not in await services.blobs.keys()

    assert (await client.delete(url)).status_code == 204
    assert await services.blobs.keys() == [], "nothing of either job stays behind"


async def test_the_style_of_one_call_is_learned_again_without_the_photo(
    client: httpx.AsyncClient, fake_worker: FakeWorker, upgraded: Upgrade
) -> None:
    made = (await client.post("/v1/stylize", files=files(examples=png(), content=png(seed=1)))).json()
    first = await fake_worker.do_one()
    await upgraded()
    answer = await client.post(f"/v1/styles/{made['style']['id']}/relearn")
    assert answer.status_code == 202, answer.text
    done = await fake_worker.do_one()
    assert (done.params["examples"], done.params["contents"]) == (first.params["examples"], [])
    shown = await client.get(f"/v1/stylizations/{made['stylization']['id']}")
    assert shown.json()["items"][0]["status"] == "succeeded", "what was made with it stays"


@pytest.mark.parametrize("ends", ["failed", "canceled"])
async def test_learning_again_may_fail_and_be_asked_for_again(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container, upgraded: Upgrade, ends: str
) -> None:
    style_id = await ready_style(client, fake_worker)
    await upgraded()
    job_id = (await client.post(f"/v1/styles/{style_id}/relearn")).json()["job"]["id"]
    if ends == "canceled":
        await client.post(f"/v1/jobs/{job_id}/cancel")
    else:
        job, delivery = await fake_worker.take()
        await services.ledger.fail(job.id, job.attempt, code="job_failed", detail="Broken: try again.")
        await delivery.ack()
    assert (await client.get(f"/v1/styles/{style_id}")).json()["status"] == "outdated"
    assert await statuses(client, status="outdated") == ["outdated"]
    job = await services.ledger.get(job_id)
    for image_id in job.params["examples"]:
        kept = (await client.get(f"/v1/images/{image_id}")).json()["expires_at"]
        assert datetime.fromisoformat(kept) > utcnow() + timedelta(days=2), (
            "and not for a day, as a retry has"
        )
    assert (await client.post(f"/v1/styles/{style_id}/relearn")).status_code == 202


async def test_what_cannot_be_learned_again_is_told_so(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container, upgraded: Upgrade
) -> None:
    check_problem(await client.post("/v1/styles/sty_none/relearn"), 404, "style_not_found")
    style_id = await ready_style(client, fake_worker)
    ready = await client.post(f"/v1/styles/{style_id}/relearn")
    check_problem(ready, 409, "style_not_relearnable")
    assert "is ready" in ready.json()["detail"]

    base = await services.checkpoint.base_hash()
    imported = await client.post(
        "/v1/styles/import", files={"file": ("a.safetensors", style_bytes(base), "x/y")}
    )
    await upgraded()
    answer = await client.post(f"/v1/styles/{imported.json()['id']}/relearn")
    check_problem(answer, 409, "style_not_relearnable")
    assert "was imported" in answer.json()["detail"]
    refused = await client.post(
        "/v1/stylizations", files=files(contents=png()), data={"style_id": imported.json()["id"]}
    )
    check_problem(refused, 409, "style_base_mismatch")
    assert "with POST /v1/styles." in refused.json()["detail"]

    style = (await client.get(f"/v1/styles/{style_id}")).json()
    (example,) = (await services.ledger.get(style["job_id"])).params["examples"]
    assert (await client.delete(f"/v1/images/{example}")).status_code == 204
    gone = await client.post(f"/v1/styles/{style_id}/relearn")
    check_problem(gone, 409, "style_not_relearnable")
    assert "send them again with POST /v1/styles" in gone.json()["detail"]
    assert (await client.get(f"/v1/styles/{style_id}")).json()["job_id"] == style["job_id"]
