"""Two hundred mutated pictures: each is taken or refused with a code about it, and the service goes on."""

from __future__ import annotations

import httpx

from app.api.services import Container
from benchmarks.fuzz.images import REFUSALS, fuzz
from tests.support.pictures import files, png


async def test_mutated_pictures_are_taken_or_refused(client: httpx.AsyncClient, services: Container):
    outcome = await fuzz(client, 200, 7, await services.checkpoint.base_hash())
    assert outcome.findings == []
    assert outcome.pictures == sum(outcome.codes.values()) == 200
    assert set(outcome.codes) <= {"accepted", *REFUSALS}
    assert outcome.codes["accepted"] > 10
    assert len(outcome.codes) >= 5
    answer = await client.post("/v1/styles", files=files(examples=png()))
    assert answer.status_code == httpx.codes.ACCEPTED
