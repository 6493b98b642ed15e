"""The service runs another checkpoint than before: what becomes of styles and workers."""

from __future__ import annotations

import httpx

from app.api.services import Container

OTHER = "ab" * 32


async def test_workers_of_another_base_do_not_count(client: httpx.AsyncClient, services: Container) -> None:
    await services.broker.beat("w1", {"base_hash": OTHER})
    body = (await client.get("/readyz")).json()
    assert (body["missing"]["worker"], body["workers"]) == ("other_base", 0)
    assert "w1" in body["details"]["worker"]
    await services.broker.beat("w2", {"base_hash": await services.checkpoint.base_hash()})
    body = (await client.get("/readyz")).json()
    assert (body["status"], body["workers"]) == ("ready", 1)
    assert "w1" in body["details"]["worker"], "and who is of no use is named"
    assert "w2" not in body["details"]["worker"]
    await services.broker.beat(
        "w2", {"base_hash": await services.checkpoint.base_hash(), "silence_seconds": 90.0}
    )
    assert (await client.get("/readyz")).json()["missing"]["worker"] == "hanging"
