"""Batches: a ZIP of photos in, pictures one after the other, a ZIP of pictures out."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import sys
import time
import zipfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio
from PIL import Image

from fewstroke_client import AsyncClient
from tests.support.fake_engine import DEADLY
from tests.support.pictures import png
from tests.support.served import Service, running_service
from tests.support.waiting import eventually

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]

PHOTOS = {f"sea/{number:02}.png": png(seed=number) for number in range(6)}


def zip_of(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def lines(*renderings: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(rendering) for rendering in renderings).encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One for all tests here."""
    folder = tmp_path_factory.mktemp("batches") / "data"
    async with running_service(folder, environment={"FEWSTROKE_SCRIPTED_STEP": "0.2"}) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def style(service: Service) -> str:
    return await learned(service)


async def learned(service: Service) -> str:
    job = await service.until(await service.adapt(steps=0), "succeeded")
    return str(job["style_id"])


async def send(
    service: Service, style: str, photos: bytes, renderings: bytes | None = None, **fields: Any
) -> httpx.Response:
    files = {"photos": ("photos.zip", photos)}
    if renderings is not None:
        files["renderings"] = ("renderings.jsonl", renderings)
    return await service.http.post("/v1/batches", data={"style_id": style, **fields}, files=files)


async def accepted(service: Service, *args: Any, **how: Any) -> dict[str, Any]:
    answer = await send(service, *args, **how)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    batch: dict[str, Any] = answer.json()["batch"]
    return batch


async def batch_of(service: Service, batch_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await service.http.get(f"/v1/batches/{batch_id}")).raise_for_status().json()
    return found


async def archive_of(service: Service, batch_id: str) -> zipfile.ZipFile:
    answer = (await service.http.get(f"/v1/batches/{batch_id}/zip")).raise_for_status()
    assert answer.headers["content-type"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(answer.content))


def read_lines(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(name).splitlines()]


async def until_done(service: Service, batch_id: str, count: int) -> None:
    async def so_many() -> bool:
        counts = (await batch_of(service, batch_id))["counts"]
        return bool(counts["succeeded"] + counts["failed"] >= count)

    await eventually(so_many, within=60)


async def test_a_zip_of_photos_becomes_a_zip_of_pictures(service: Service, style: str) -> None:
    system = {"__MACOSX/sea/._00.png": b"x", ".DS_Store": b"x", "sea/Thumbs.db": b"x", "sea/": b""}
    batch = await accepted(service, style, zip_of({**PHOTOS, **system}))
    assert batch["counts"] == {"total": 6, "succeeded": 0, "failed": 0}
    assert batch["job"]["kind"] == "batch"
    early = await service.http.get(f"/v1/batches/{batch['id']}/zip")
    assert early.json()["code"] == "batch_not_ready"
    kept = await service.http.delete(f"/v1/batches/{batch['id']}")
    assert kept.json()["code"] == "resource_in_use"

    await service.until(batch["job"]["id"], "succeeded")
    shown = await batch_of(service, batch["id"])
    assert shown["counts"] == {"total": 6, "succeeded": 6, "failed": 0}
    assert shown["errors"] == []
    archive = await archive_of(service, batch["id"])
    made = [name for name in archive.namelist() if name.endswith(".jpeg")]
    assert made == [name.replace(".png", ".jpeg") for name in PHOTOS]
    with Image.open(io.BytesIO(archive.read(made[0]))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
    assert archive.read("errors.jsonl") == b""
    results = read_lines(archive, "results.jsonl")
    assert [result["photo"] for result in results] == list(PHOTOS)
    image = (await service.http.get(f"/v1/images/{results[0]['image_id']}")).json()
    assert image["provenance"]["styles"][0]["id"] == style

    events = (await service.http.get(f"/v1/jobs/{batch['job']['id']}/events")).text
    told = [json.loads(line[5:]) for line in events.splitlines() if line.startswith("data:")]
    assert [event["step"] for event in told if "step" in event] == [1, 2, 3, 4, 5, 6]
    assert [event["state"] for event in told if "state" in event] == ["queued", "running", "succeeded"]


async def test_lines_say_which_photos_and_how(service: Service, style: str) -> None:
    wanted = lines(
        {"photo": "sea/03.png", "custom_id": "small", "size": 64, "stroke_size": 2.0},
        {"photo": "sea/03.png", "custom_id": "itself", "strength": 0},
    )
    batch = await accepted(service, style, zip_of(PHOTOS), wanted, format="png")
    await service.until(batch["job"]["id"], "succeeded")
    archive = await archive_of(service, batch["id"])
    results = read_lines(archive, "results.jsonl")
    assert [(r["custom_id"], r["file"]) for r in results] == [
        ("small", "sea/03.png"),
        ("itself", "sea/03-2.png"),
    ]
    own = (await service.http.get(f"/v1/images/{results[0]['image_id']}")).json()["provenance"]
    assert (own["size"], own["stroke_size"]) == (64, 2.0)


async def test_photos_that_cannot_be_used_are_told_by_name(service: Service, style: str) -> None:
    """Also one that ends the process which draws it: the worker goes on."""
    worker = service.pids("worker")
    bad = {"notes.txt": b"no picture", "deadly.png": png(*DEADLY), "tiny.png": png(8, 8)}
    batch = await accepted(service, style, zip_of({**bad, "good.png": png()}))
    await service.until(batch["job"]["id"], "succeeded")
    shown = await batch_of(service, batch["id"])
    assert shown["counts"] == {"total": 4, "succeeded": 1, "failed": 3}
    assert {(error["photo"], error["error"]["code"]) for error in shown["errors"]} == {
        ("notes.txt", "image_format_unsupported"),
        ("deadly.png", "poison_job"),
        ("tiny.png", "image_too_small"),
    }
    assert all(error["photo"] in error["error"]["detail"] for error in shown["errors"])
    archive = await archive_of(service, batch["id"])
    assert read_lines(archive, "errors.jsonl") == shown["errors"]
    assert "good.jpeg" in archive.namelist()
    assert service.pids("worker") == worker


async def test_a_batch_of_which_nothing_comes_fails(service: Service, style: str) -> None:
    batch = await accepted(service, style, zip_of({"a.png": b"x"}))
    job = await service.until(batch["job"]["id"], "failed")
    assert job["error"]["code"] == "job_failed"
    archive = await archive_of(service, batch["id"])
    assert read_lines(archive, "errors.jsonl")[0]["photo"] == "a.png"


async def test_what_is_done_stays_when_its_job_is_canceled_and_is_not_done_again(
    service: Service, style: str
) -> None:
    batch = await accepted(service, style, zip_of(PHOTOS))
    await until_done(service, batch["id"], 2)
    await service.http.post(f"/v1/jobs/{batch['job']['id']}/cancel")
    await service.until(batch["job"]["id"], "canceled")
    before = await batch_of(service, batch["id"])
    assert 2 <= before["counts"]["succeeded"] < 6
    first = read_lines(await archive_of(service, batch["id"]), "results.jsonl")
    assert len(first) == before["counts"]["succeeded"]

    retried = (await service.http.post(f"/v1/jobs/{batch['job']['id']}/retry")).json()
    await service.until(retried["id"], "succeeded")
    results = read_lines(await archive_of(service, batch["id"]), "results.jsonl")
    assert [result["position"] for result in results] == list(range(6))
    assert results[: len(first)] == first

    page = (await service.http.get("/v1/batches", params={"limit": 1})).json()
    assert [found["id"] for found in page["items"]] == [batch["id"]]
    gone = await service.http.delete(f"/v1/batches/{batch['id']}")
    assert gone.status_code == httpx.codes.NO_CONTENT
    assert (await service.http.get(f"/v1/batches/{batch['id']}")).json()["code"] == "batch_not_found"
    for result in results:
        answer = await service.http.get(f"/v1/images/{result['image_id']}/content")
        assert answer.status_code == httpx.codes.NOT_FOUND


async def test_a_stylization_goes_first(service: Service, style: str) -> None:
    """The process that draws photos is stopped while the worker has a stylization in hand."""
    batch = await accepted(service, style, zip_of({f"{n}.png": png(seed=n) for n in range(30)}))
    await until_done(service, batch["id"], 1)
    (worker,) = service.pids("worker")
    drawing = next(
        child for child in psutil.Process(worker).children() if "spawn_main" in " ".join(child.cmdline())
    )
    assert drawing.nice() == 19
    seen = set[str]()

    async def look() -> None:
        while True:
            seen.add(drawing.status())
            await asyncio.sleep(0.01)

    looking = asyncio.create_task(look())
    started = time.perf_counter()
    for _ in range(3):
        answer = await service.http.post(
            "/v1/stylizations",
            data={"style_id": style},
            files={"contents": ("a.png", png())},
            headers={"Prefer": "wait=30"},
        )
        assert answer.json()["job"]["state"] == "succeeded"
    took = time.perf_counter() - started
    looking.cancel()
    assert psutil.STATUS_STOPPED in seen
    assert took < 30 * 0.2  # not behind the batch
    assert (await batch_of(service, batch["id"]))["job"]["state"] == "running"
    await service.http.post(f"/v1/jobs/{batch['job']['id']}/cancel")
    await service.until(batch["job"]["id"], "canceled")


async def test_a_batch_survives_its_worker(tmp_path: Path) -> None:
    async with running_service(tmp_path / "data", environment={"FEWSTROKE_SCRIPTED_STEP": "0.3"}) as service:
        style = await learned(service)
        batch = await accepted(service, style, zip_of(PHOTOS))
        await until_done(service, batch["id"], 2)
        (worker,) = service.pids("worker")
        children = psutil.Process(worker).children()
        psutil.Process(worker).send_signal(signal.SIGKILL)
        done = await service.until(batch["job"]["id"], "succeeded", within=90)
        assert done["attempt"] == 2
        results = read_lines(await archive_of(service, batch["id"]), "results.jsonl")
        assert [result["position"] for result in results] == list(range(6))
        assert not any(child.is_running() and child.status() != "zombie" for child in children)


async def test_the_command_line_sends_a_folder_and_gets_a_zip(
    service: Service, style: str, tmp_path: Path
) -> None:
    (tmp_path / "photos" / "sea").mkdir(parents=True)
    (tmp_path / "photos" / "sea" / "a.png").write_bytes(png())
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    command = ["batch", "photos", "--style", style, "-o", "out.zip", "--address", service.url]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", *command, cwd=tmp_path, stdout=PIPE, stderr=PIPE
    )
    told, said = await process.communicate()
    assert process.returncode == 0, said
    assert told.decode().strip() == "out.zip: 1 of 2 pictures"
    assert "notes.txt" in said.decode()
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert set(archive.namelist()) == {"results.jsonl", "errors.jsonl", "sea/a.jpeg"}

    again = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "batch", "photos", "-o", "out.zip", cwd=tmp_path, stderr=PIPE
    )
    _, said = await again.communicate()
    assert again.returncode == 3
    assert "--style" in said.decode()


async def test_the_python_client_has_a_folder_drawn(service: Service, style: str, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(png())
    async with AsyncClient(service.url) as client:
        wanted = [{"photo": "a.png", "custom_id": "one", "strength": 0.5}]
        done = await client.draw_batch(tmp_path / "photos", style, renderings=wanted, size=64)
        assert (done.counts.succeeded, done.errors, done.settings["size"]) == (1, [], 64)
        await client.download_batch(done, tmp_path / "out.zip")
        with zipfile.ZipFile(tmp_path / "out.zip") as archive:
            assert read_lines(archive, "results.jsonl")[0]["custom_id"] == "one"
        assert done.id in [found.id async for found in client.list_batches(state=["succeeded"])]
        await client.delete_batch(done)


@pytest.mark.parametrize(
    ("photos", "renderings", "code", "part"),
    [
        (b"no zip at all", None, "archive_invalid", "is no ZIP"),
        (zip_of({"folder/": b""}), None, "archive_invalid", "holds no files"),
        (zip_of(PHOTOS)[:-30] + b"\0" * 30, None, "archive_invalid", "ZIP"),
        (zip_of(PHOTOS), lines({"photo": "lake.png"}), "validation_failed", "line 1: There is no photo lake"),
        (zip_of(PHOTOS), b'{"photo": "sea/01.png"}\n{oops', "validation_failed", "line 2: This is no JSON"),
        (
            zip_of(PHOTOS),
            lines({"photo": "sea/01.png", "strength": 7, "colour": "red"}),
            "validation_failed",
            "colour: There is no such field",
        ),
        (
            zip_of(PHOTOS),
            lines({"photo": "sea/01.png"}, {"photo": "sea/01.png"}),
            "validation_failed",
            "line 2: custom_id sea/01.png was there before",
        ),
        (zip_of(PHOTOS), b"\n", "validation_failed", "Has no lines"),
    ],
)
async def test_bad_input_is_told(
    service: Service, style: str, photos: bytes, renderings: bytes | None, code: str, part: str
) -> None:
    answer = await send(service, style, photos, renderings)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answer.json()["code"] == code
    assert part in answer.json()["detail"]


async def test_a_style_has_to_be_there(service: Service) -> None:
    answer = await send(service, "sty_0000000000000000000000000X", zip_of(PHOTOS))
    assert answer.json()["code"] == "style_not_found"
