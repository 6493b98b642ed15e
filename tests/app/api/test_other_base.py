"""The service runs another checkpoint than before: what becomes of styles and workers."""

from __future__ import annotations

from typing import Any

import httpx

from app.api.container import Container
from app.infra.facts import BASE, set_fact
from tests.app.api.test_bad_input import check_problem
from tests.app.support import Hand, files, png, ready_style, style_bytes

OTHER = "ab" * 32


async def upgraded(services: Container) -> None:
    """What a start with another checkpoint does."""
    assert services.settings.checkpoint is not None
    services.settings.checkpoint.write_bytes(b"another base checkpoint")
    await set_fact(services.sessions, BASE, await services.checkpoint.base_hash())


async def test_styles_of_another_base_are_outdated_and_learned_again(
    client: httpx.AsyncClient, services: Container, hand: Hand
) -> None:
    style = await ready_style(client, hand)
    assert [item["id"] for item in (await client.get("/v1/styles?status=ready")).json()["items"]] == [style]
    await upgraded(services)
    read = (await client.get(f"/v1/styles/{style}")).json()
    assert read["status"] == "outdated"
    for status, expected in (("ready", []), ("pending", []), ("outdated", [style])):
        found = (await client.get("/v1/styles", params={"status": status})).json()["items"]
        assert [item["id"] for item in found] == expected, status
    form: dict[str, Any] = {"files": files(contents=png()), "data": {"style_id": style}}
    refused = await client.post("/v1/stylizations", **form)
    assert "relearn" in check_problem(refused, 409, "style_base_mismatch")["detail"]
    again = await client.post(f"/v1/styles/{style}/relearn", headers={"Idempotency-Key": "a"})
    assert again.status_code == 202, again.text
    assert again.json()["style"]["status"] == "pending"
    replayed = await client.post(f"/v1/styles/{style}/relearn", headers={"Idempotency-Key": "a"})
    assert replayed.json()["job"]["id"] == again.json()["job"]["id"]
    check_problem(await client.post(f"/v1/styles/{style}/relearn"), 409, "resource_in_use")
    assert (await client.get(f"/v1/styles/{style}/file")).status_code == 200, "what it was stays"
    await hand.do_one()
    assert (await client.get(f"/v1/styles/{style}")).json()["status"] == "ready"
    assert (await client.post("/v1/stylizations", **form)).status_code == 202


async def test_what_cannot_be_learned_again(
    client: httpx.AsyncClient, services: Container, hand: Hand
) -> None:
    base = await services.checkpoint.base_hash()
    imported = (await client.post("/v1/styles/import", files=files(file=style_bytes(base)))).json()["id"]
    check_problem(await client.post(f"/v1/styles/{imported}/relearn"), 409, "job_not_retryable")
    style = await ready_style(client, hand)
    (example,) = (await client.get("/v1/images?role=example")).json()["items"]
    assert (await client.delete(f"/v1/images/{example['id']}")).status_code == 204
    before = (await client.get(f"/v1/styles/{style}")).json()
    check_problem(await client.post(f"/v1/styles/{style}/relearn"), 409, "job_not_retryable")
    assert (await client.get(f"/v1/styles/{style}")).json() == before


async def test_workers_of_another_base_do_not_count(client: httpx.AsyncClient, services: Container) -> None:
    await services.broker.beat("w1", {"base_hash": OTHER})
    body = (await client.get("/readyz")).json()
    assert (body["missing"]["worker"], body["workers"]) == ("other_base", 0)
    assert "w1" in body["details"]["worker"]
    await services.broker.beat("w2", {"base_hash": await services.checkpoint.base_hash()})
    body = (await client.get("/readyz")).json()
    assert (body["status"], body["workers"]) == ("ready", 1)
    await services.broker.beat(
        "w2", {"base_hash": await services.checkpoint.base_hash(), "silence_seconds": 90.0}
    )
    assert (await client.get("/readyz")).json()["missing"]["worker"] == "hanging"
