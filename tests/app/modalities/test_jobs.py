"""Cancelling, trying again, and workers that die: alike for pictures, music and text."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.app.modalities.conftest import StartWorker
from tests.app.modalities.kinds import learn, until

MODALITIES = ("image", "music", "text")


@pytest.mark.parametrize("modality", MODALITIES)
async def test_a_worker_that_is_killed_loses_no_job(
    live: httpx.AsyncClient, start_worker: StartWorker, modality: str
) -> None:
    first = await start_worker(FEWSTROKE_SCRIPTED_STEP="0.5")
    body = await learn(live, modality, steps=6)
    assert body["style"]["modality"] == modality
    await _step(live, body["job"]["id"], 2)
    first.kill()
    await first.wait()
    await start_worker()
    job = await until(live, body["job"]["id"], "succeeded")
    assert job["attempt"] == 2
    assert (await live.get(f"/v1/styles/{body['style']['id']}")).json()["status"] == "ready"


@pytest.mark.parametrize("modality", MODALITIES)
async def test_learning_is_canceled_and_tried_again(
    live: httpx.AsyncClient, start_worker: StartWorker, modality: str
) -> None:
    await start_worker(FEWSTROKE_SCRIPTED_STEP="0.2")
    body = await learn(live, modality, steps=20)
    await _step(live, body["job"]["id"], 1)
    assert (await live.post(body["job"]["links"]["cancel"])).status_code == 202
    await until(live, body["job"]["id"], "canceled")
    retry = (await live.post(body["job"]["links"]["retry"])).json()
    assert (retry["modality"], retry["kind"]) == (modality, "adapt")
    await until(live, retry["id"], "running")
    assert (await live.get(f"/v1/styles/{body['style']['id']}")).json()["job_id"] == retry["id"]


async def _step(client: httpx.AsyncClient, job_id: str, step: int) -> None:
    """Wait for an inner step."""
    async with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: ") and json.loads(line[6:]).get("step", -1) >= step:
                return
