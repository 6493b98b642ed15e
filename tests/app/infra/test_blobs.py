"""The blob store, in a folder and in S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import BlobMissingError
from app.infra.blobs import Blobs
from app.settings import Settings

BIG = bytes(range(256)) * 4096 * 7  # 7 MiB: more than one part of an upload


async def test_what_is_put_can_be_read(blobs: Blobs, tmp_path: Path) -> None:
    file = tmp_path / "big.bin"
    file.write_bytes(BIG)
    await blobs.put("a/small.txt", b"hello")
    await blobs.put("a/b/big.bin", file)
    assert await blobs.get("a/small.txt") == b"hello"
    chunks = [chunk async for chunk in await blobs.stream("a/b/big.bin")]
    assert b"".join(chunks) == BIG
    assert len(chunks) > 1
    assert max(len(chunk) for chunk in chunks) < len(BIG)
    assert await blobs.exists("a/small.txt")


async def test_keys_are_listed_by_folder(blobs: Blobs) -> None:
    for key in ("x/1/a", "x/1/b", "x/10/a", "y/a"):
        await blobs.put(key, b".")
    assert await blobs.keys("x/1") == ["x/1/a", "x/1/b"]
    assert await blobs.keys() == ["x/1/a", "x/1/b", "x/10/a", "y/a"]
    assert await blobs.keys("none") == []


async def test_what_is_missing(blobs: Blobs) -> None:
    with pytest.raises(BlobMissingError, match="submit"):
        await blobs.get("none")
    with pytest.raises(BlobMissingError):
        await blobs.stream("none")
    assert not await blobs.exists("none")


async def test_delete_is_idempotent(blobs: Blobs) -> None:
    await blobs.put("x/a", b".")
    await blobs.put("x/b", b".")
    await blobs.delete(["x/a", "none", "x/b"])
    await blobs.delete(["x/a"])
    assert await blobs.keys() == []


async def test_an_empty_store_is_ready(blobs: Blobs) -> None:
    await blobs.check()


async def test_a_folder_can_be_named_as_a_url(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    await Blobs.open(Settings(data_dir=tmp_path, blobs_url=folder.as_uri())).put("a", b".")
    assert (folder / "a").read_bytes() == b"."
