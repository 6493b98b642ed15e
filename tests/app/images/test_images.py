"""Images: description, bytes, caching."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from app.api.services import Container
from app.errors import RangeNotSatisfiableError
from app.http.byte_ranges import byte_range
from tests.support.fake_worker import FakeWorker
from tests.support.pictures import files, png
from tests.support.problems import check_problem


async def test_the_bytes_of_a_result(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    await client.post("/v1/stylize", files=files(examples=png(), content=png()), data={"format": "jpeg"})
    job = await fake_worker.do_one()
    assert job.result is not None
    (image_id,) = job.result["images"]
    meta = (await client.get(f"/v1/images/{image_id}")).json()
    answer = await client.get(meta["url"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == meta["media_type"] == "image/jpeg"
    assert int(answer.headers["content-length"]) == len(answer.content) == meta["size_bytes"]
    assert hashlib.sha256(answer.content).hexdigest() == meta["sha256"]
    assert answer.headers["etag"] == f'"{meta["sha256"]}"'
    assert "max-age=300" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "Authorization", "not for the next user of the browser"
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

    part = await client.get(meta["url"], headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, answer.content[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{meta['size_bytes']}"
    assert part.headers["content-length"] == "4"
    past = await client.get(meta["url"], headers={"Range": f"bytes={meta['size_bytes']}-"})
    check_problem(past, 416, "range_not_satisfiable")
    assert past.headers["content-range"] == f"bytes */{meta['size_bytes']}"
    changed = await client.get(meta["url"], headers={"Range": "bytes=2-5", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, answer.content)

    uploaded = (await client.get(f"/v1/images/{meta['source_id']}")).json()
    assert (uploaded["role"], uploaded["job_id"], uploaded["source_id"]) == ("content", job.id, None)

    await services.blobs.delete(await services.blobs.keys())
    check_problem(await client.get(meta["url"]), 500, "input_missing")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)), ("bytes=0-", (0, 100)), ("bytes=90-200", (90, 100)), ("bytes=-10", (90, 100)),
        ("bytes=-200", (0, 100)), ("BYTES = 1-2", None), ("bytes=1-2,5-6", None), ("bytes=5-2", None),
        ("bytes=-", None), ("lines=1-2", None), ("bytes=a-b", None), (None, None),
    ],
)  # fmt: skip
def test_ranges(header: str | None, expected: tuple[int, int] | None) -> None:
    assert byte_range(header, None, size=100, etag='"x"') == expected
    if header == "bytes=0-0":
        assert byte_range(header, '"x"', size=100, etag='"x"') == expected
        assert byte_range(header, 'W/"x"', size=100, etag='"x"') is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_ranges_beyond_the_end(header: str) -> None:
    with pytest.raises(RangeNotSatisfiableError):
        byte_range(header, None, size=100, etag='"x"')
