"""Images: description, bytes, caching."""

from __future__ import annotations

import hashlib

import httpx

from app.api.container import Container
from tests.app.api.test_bad_input import check_problem
from tests.app.support import Hand, files, png


async def test_the_bytes_of_a_result(client: httpx.AsyncClient, hand: Hand, services: Container) -> None:
    await client.post("/v1/stylize", files=files(examples=png(), content=png()), data={"format": "jpeg"})
    job = await hand.do_one()
    assert job.result is not None
    (image_id,) = job.result["images"]
    meta = (await client.get(f"/v1/images/{image_id}")).json()
    answer = await client.get(meta["url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == meta["media_type"] == "image/jpeg"
    assert int(answer.headers["content-length"]) == len(answer.content) == meta["size_bytes"]
    assert hashlib.sha256(answer.content).hexdigest() == meta["sha256"]
    assert answer.headers["etag"] == f'"{meta["sha256"]}"'
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == f'inline; filename="{image_id}.jpg"'

    for tag in (
        answer.headers["etag"],
        f"W/{answer.headers['etag']}",
        '"other", ' + answer.headers["etag"],
        "*",
    ):
        cached = await client.get(meta["url"], headers={"If-None-Match": tag})
        assert (cached.status_code, cached.content) == (304, b"")
        assert cached.headers["etag"] == answer.headers["etag"]
    assert (await client.get(meta["url"], headers={"If-None-Match": '"other"'})).status_code == 200

    uploaded = (await client.get(f"/v1/images/{meta['source_id']}")).json()
    assert (uploaded["role"], uploaded["job_id"], uploaded["source_id"]) == ("content", job.id, None)

    await services.blobs.delete(await services.blobs.keys())
    check_problem(await client.get(meta["url"]), 500, "input_missing")
