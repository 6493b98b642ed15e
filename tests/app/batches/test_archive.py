"""Archives that say of themselves what is not so, and the names that pictures get."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import httpx
import pytest

from app.api.services import Container
from app.batches.archive import extract, photos_in
from app.batches.serializers import picture_name
from app.errors import AppError
from tests.support.fake_worker import FakeWorker, ready_style
from tests.support.pictures import png, zipped
from tests.support.problems import check_problem


def archive(folder: Path, *names: str, data: bytes = b"x" * 4000, mode: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "photos.zip"
    with zipfile.ZipFile(path, "w", mode) as made:
        for name in names:
            made.writestr(name, data)
    return path


def code_of(path: Path, most: int = 10) -> str:
    with pytest.raises(AppError) as refused:
        photos_in(path, most)
    return str(refused.value.code)


def test_only_photos_are_listed_and_no_more_than_may_be(tmp_path: Path) -> None:
    path = archive(tmp_path, "b.jpg", "a/b.jpg", ".hidden/c.jpg", "__MACOSX/a/._b.jpg", "Thumbs.db")
    assert photos_in(path, 2) == ["b.jpg", "a/b.jpg"], "in their order"
    assert code_of(path, 1) == "too_many_files"


def test_what_a_directory_claims_is_bounded_before_it_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path, "a.jpg")
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, data.rfind(b"PK\x05\x06") + 12, 900_000_000)
    path.write_bytes(data)
    assert code_of(path) == "too_many_files"


def test_archives_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, "a.jpg")
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert code_of(path) == "archive_invalid"
    end = whole.rfind(b"PK\x05\x06")
    path.write_bytes(whole[:end] + b"PK\x06\x07" + b"\0" * 16 + whole[end:])
    assert code_of(path) == "archive_invalid"
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive(tmp_path, "a.jpg", "a.jpg")
    assert code_of(path) == "archive_invalid"


@pytest.mark.parametrize("mode", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_photo_is_read_no_further_than_it_may_be_large(tmp_path: Path, mode: int) -> None:
    path = archive(tmp_path, "a.jpg", data=b"\0" * 5_000_000, mode=mode)
    with pytest.raises(AppError, match=r"a\.jpg is larger than") as refused:
        extract(path, "a.jpg", tmp_path / "out", 1000)
    assert refused.value.code == "file_too_large"
    assert (tmp_path / "out").stat().st_size <= 1001
    extract(path, "a.jpg", tmp_path / "out", 5_000_000)
    assert (tmp_path / "out").stat().st_size == 5_000_000


def test_a_photo_that_is_damaged_or_locked_is_told_by_name(tmp_path: Path) -> None:
    path = archive(tmp_path, "a.jpg", "b.jpg", data=bytes(range(256)) * 20)
    data = bytearray(path.read_bytes())
    data[60:90] = b"\xff" * 30  # of the first one's bytes
    data[data.rfind(b"PK\x01\x02") + 8] |= 1  # the second one has a password
    path.write_bytes(data)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        with pytest.raises(AppError, match=f"{name} cannot be read") as refused:
            extract(path, name, tmp_path / "out", 10_000)
        assert refused.value.code == "image_corrupt"


@pytest.mark.parametrize(
    ("photo", "name"),
    [
        ("harbour/0018.HEIC", "harbour/0018.jpeg"),
        ("../../etc/passwd", "etc/passwd.jpeg"),
        ("/a.jpg", "a.jpeg"),
        ("C:\\photos\\a.jpg", "C_/photos/a.jpeg"),
        ("a/./b?.jpg", "a/b_.jpeg"),
        ("...", "photo.jpeg"),
        ("写/末.png", "写/末.jpeg"),
    ],
)
def test_pictures_have_the_names_of_their_photos(photo: str, name: str) -> None:
    assert picture_name(photo, "jpeg") == name


async def test_bounds_of_the_service_hold(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    style = {"style_id": await ready_style(client, fake_worker)}
    settings = services.settings
    settings.max_archive_photos = 2
    several = zipped(**{f"{n}.png": png(seed=n) for n in range(3)})
    check_problem(await client.post("/v1/batches", data=style, files=several), 422, "too_many_files")
    answer = await client.post("/v1/batches", data={**style, "size": "9000"}, files=zipped())
    check_problem(answer, 422, "validation_failed")
    answer = await client.post("/v1/batches", data={**style, "feather": "2"}, files=zipped())
    check_problem(answer, 422, "validation_failed")
    settings.max_archive_bytes = 100
    check_problem(await client.post("/v1/batches", data=style, files=zipped()), 413, "file_too_large")
    check_problem(await client.post("/v1/batches", data=style), 415, "unsupported_media_type")
    assert (await client.get("/v1/batches")).json()["items"] == []
    assert await services.blobs.keys("uploads") == [
        key for key in await services.blobs.keys("uploads") if not key.endswith((".zip", ".jsonl"))
    ]
