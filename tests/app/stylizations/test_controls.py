"""Blends, masks, colours, formats and batches, from the form to the results."""

from __future__ import annotations

import json
import os
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from PIL import Image

from app.api.services import Container
from app.infra.blobs import Blobs
from app.infra.db import utcnow
from app.settings import Settings
from app.submission.zip_stream import Member, member_name, stream_zip
from app.worker.inputs import load_inputs
from app.worker.results import ItemFailure, Outcome, succeed_with
from tests.support.database import nothing_stored
from tests.support.fake_worker import FakeWorker, ready_style
from tests.support.pictures import encoded, files, picture, png
from tests.support.problems import check_problem
from tests.support.signing import signer


def form(*fields: tuple[str, str], **uploads: bytes | list[bytes]) -> dict[str, Any]:
    """A request whose fields may repeat."""
    return {"files": [*files(**uploads), *((name, (None, value)) for name, value in fields)]}


async def test_a_blend(client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container) -> None:
    first, second = [await ready_style(client, fake_worker) for _ in range(2)]
    body = form(("style_id", first), ("weight", "1"), ("style_id", second), ("weight", "3"), contents=png())
    answer = await client.post("/v1/stylizations", **body)
    assert answer.status_code == 202, answer.text
    made = answer.json()["stylization"]
    assert made["styles"] == [{"id": first, "weight": 0.25}, {"id": second, "weight": 0.75}]
    assert made["style_id"] == second, "the heaviest"
    job, delivery = await fake_worker.take()
    inputs = await load_inputs(job, services.sessions, services.blobs)
    assert [(style.id, style.weight) for style in inputs.styles] == [(first, 0.25), (second, 0.75)]
    assert all(style.data for style in inputs.styles)
    await fake_worker.finish(job, delivery)

    equal = form(("style_id", first), ("style_id", second), contents=png())
    made = (await client.post("/v1/stylizations", **equal)).json()["stylization"]
    assert [style["weight"] for style in made["styles"]] == [0.5, 0.5]


async def test_every_style_of_a_blend_must_be_ready(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    ready = await ready_style(client, fake_worker)
    created = (await client.post("/v1/styles", files=files(examples=png()))).json()
    body = form(("style_id", ready), ("style_id", created["style"]["id"]), contents=png())
    check_problem(await client.post("/v1/stylizations", **body), 409, "style_not_ready")


async def test_a_mask_with_a_style_on_either_side(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    inside, outside = [await ready_style(client, fake_worker) for _ in range(2)]
    mask = Image.new("L", (32, 32), 255)
    body = form(
        ("style_id", inside),
        ("outside_style_id", outside),
        ("feather", "4.5"),
        ("preserve_color", "true"),
        contents=png(),
        mask=encoded(mask),
    )
    answer = await client.post("/v1/stylizations", **body)
    assert answer.status_code == 202, answer.text
    settings = answer.json()["stylization"]["settings"]
    assert (settings["outside_style_id"], settings["feather"], settings["preserve_color"]) == (
        outside,
        4.5,
        True,
    )
    meta = (await client.get(f"/v1/images/{settings['mask_id']}")).json()
    assert (meta["role"], meta["width"]) == ("mask", 32)
    job, _ = await fake_worker.take()
    inputs = await load_inputs(job, services.sessions, services.blobs)
    assert inputs.outside is not None
    assert inputs.outside.id == outside
    assert inputs.mask is not None
    assert inputs.mask.getpixel((0, 0)) == (255, 255, 255)


async def test_a_mask_is_outside_where_it_is_transparent(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style = await ready_style(client, fake_worker)
    mask = Image.new("RGBA", (32, 32), (255, 255, 255, 0))
    mask.paste((255, 255, 255, 255), (0, 0, 16, 32))
    photo = encoded(picture(), "JPEG")
    body = form(("style_id", style), contents=photo, mask=encoded(mask))
    assert (await client.post("/v1/stylizations", **body)).status_code == 202
    job, _ = await fake_worker.take()
    inputs = await load_inputs(job, services.sessions, services.blobs)
    assert inputs.mask is not None
    assert [inputs.mask.getpixel((x, 5)) for x in (5, 25)] == [(255, 255, 255), (0, 0, 0)]
    with Image.open(BytesIO(photo)) as whole:
        assert inputs.contents[0].tobytes() == whole.tobytes(), "outside, pixels stay as they are"
    mask.paste((0, 0, 0, 255), (0, 0, 16, 32))
    body = form(("style_id", style), contents=photo, mask=encoded(mask))
    answer = await client.post("/v1/stylizations", **body)
    check_problem(answer, 422, "validation_failed")
    assert "make white what is to be inside" in answer.json()["detail"]


async def test_one_broken_content_does_not_sink_the_rest(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    style = await ready_style(client, fake_worker)
    contents = [png(seed=1), b"no picture at all", png(seed=2)]
    answer = await client.post("/v1/stylizations", files=files(contents=contents), data={"style_id": style})
    assert answer.status_code == 202, answer.text
    items = answer.json()["stylization"]["items"]
    assert [item["status"] for item in items] == ["pending", "failed", "pending"]
    assert [item["name"] for item in items] == ["0.jpg", "1.jpg", "2.jpg"]
    assert items[1]["error"]["code"] == "image_format_unsupported"
    assert "File 2 of `contents`" in items[1]["error"]["detail"]
    await fake_worker.do_one()
    done = (await client.get(f"/v1/stylizations/{answer.json()['stylization']['id']}")).json()
    assert [item["status"] for item in done["items"]] == ["succeeded", "failed", "succeeded"]
    images = [item["image"]["id"] for item in done["items"] if item["image"]]
    assert images == [image["id"] for image in done["images"]]
    sources = [(await client.get(f"/v1/images/{image}")).json()["source_id"] for image in images]
    assert sources == [item["content_id"] for item in done["items"] if item["content_id"]]


async def test_a_batch_of_nothing_but_broken_contents(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style = await ready_style(client, fake_worker)
    before = await services.blobs.keys()
    broken = files(contents=[b"no picture" * 9] * 2)
    answer = await client.post("/v1/stylizations", files=broken, data={"style_id": style})
    check_problem(answer, 415, "image_format_unsupported")
    assert await services.blobs.keys() == before


async def test_an_item_that_fails_in_the_worker(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style = await ready_style(client, fake_worker)
    contents = files(contents=[png(seed=1), png(seed=2)])
    created = (await client.post("/v1/stylizations", files=contents, data={"style_id": style})).json()
    job, _ = await fake_worker.take()
    whole = await fake_worker.outcome(job)
    failed = ItemFailure(job.params["contents"][0], "out_of_memory", "Too large: send a smaller photo.")
    outcome = Outcome(steps=0, seconds=0.1, images=whole.images[1:], failures=[failed])
    assert await succeed_with(services.ledger, services.blobs, signer(), job, outcome)
    done = (await client.get(f"/v1/stylizations/{created['stylization']['id']}")).json()
    assert [item["status"] for item in done["items"]] == ["failed", "succeeded"]
    assert done["items"][0]["error"]["code"] == "out_of_memory"
    assert done["items"][1]["image"] == done["images"][0]


async def test_items_of_a_canceled_stylization(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    style = await ready_style(client, fake_worker)
    created = (
        await client.post("/v1/stylizations", files=files(contents=png()), data={"style_id": style})
    ).json()
    await client.post(f"/v1/jobs/{created['job']['id']}/cancel")
    done = (await client.get(f"/v1/stylizations/{created['stylization']['id']}")).json()
    assert done["items"][0]["status"] == "canceled"
    assert done["items"][0]["error"]["code"] == "job_canceled"


async def test_quality_makes_smaller_files(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    style = await ready_style(client, fake_worker)
    noisy = encoded(Image.effect_noise((200, 200), 80).convert("RGB"))
    sizes = []
    for quality in ("20", "95"):
        await client.post(
            "/v1/stylizations",
            files=files(contents=noisy),
            data={"style_id": style, "format": "jpeg", "quality": quality},
        )
        job = await fake_worker.do_one()
        assert job.result is not None
        sizes.append((await client.get(f"/v1/images/{job.result['images'][0]}")).json()["size_bytes"])
    assert sizes[0] < sizes[1] / 2


async def test_all_results_in_one_archive(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    style = await ready_style(client, fake_worker)
    uploads = [
        ("contents", (name, data, "image/png"))
        for name, data in (("a:b/../ü.png", png(seed=1)), ("x.png", b"broken" * 9), ("noext", png(seed=2)))
    ]
    body = (
        await client.post("/v1/stylizations", files=uploads, data={"style_id": style, "format": "jpeg"})
    ).json()
    url = f"/v1/stylizations/{body['stylization']['id']}"
    check_problem(await client.get(f"{url}/zip"), 409, "stylization_not_ready")
    await fake_worker.do_one()
    answer = await client.get(f"{url}/zip")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "001-ü.jpeg", "003-noext.jpeg"]
        done = (await client.get(url)).json()
        assert json.loads(archive.read("manifest.json")) == done
        for image, name in zip(done["images"], archive.namelist()[1:], strict=True):
            assert archive.read(name) == (await client.get(image["url"])).content

    await client.delete(f"/v1/images/{done['images'][0]['id']}")
    with ZipFile(BytesIO((await client.get(f"{url}/zip")).content)) as archive:
        assert archive.namelist() == ["manifest.json", "003-noext.jpeg"]
    check_problem(await client.get("/v1/stylizations/stz_none/zip"), 404, "stylization_not_found")


def test_an_archive_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    blobs = Blobs.open(Settings(data_dir=tmp_path))
    size = 4 * 1024 * 1024
    (tmp_path / "blobs" / "big").write_bytes(os.urandom(size))
    members = [Member(f"{number}.png", "big") for number in range(3)]
    pieces = stream_zip(members, {"manifest.json": b"{}"}, blobs, utcnow())
    lengths = [len(piece) for piece in pieces]
    assert sum(lengths) > 3 * size
    assert max(lengths) < size / 4


def test_names_in_an_archive() -> None:
    assert member_name(0, "harbour.jpg", "png") == "001-harbour.png"
    assert member_name(11, None, "webp") == "012.webp"
    assert member_name(0, "..", "png") == "001.png"
    assert member_name(0, "a/b:c.png", "png") == "001-a_b_c.png"
    longest = member_name(998, "写" * 95 + "末.png", "webp")
    assert longest == f"999-{'写' * 40}…{'写' * 38}末.webp", "file systems take 255 bytes"


def entries(archive: bytes) -> list[tuple[str, bytes]]:
    """What a reader sees that has the archive as it comes, without the directory at its end."""
    found = []
    while archive.startswith(b"PK\x03\x04"):
        flags, method, _, _, _, _, _, name_size, extra_size = struct.unpack("<HHHHIIIHH", archive[6:30])
        name = archive[30 : 30 + name_size].decode()
        archive = archive[30 + name_size + extra_size :]
        assert (flags & 8, method) == (8, 8), "only a deflated entry says itself where it ends"
        reader = zlib.decompressobj(-15)
        data = reader.decompress(archive)
        mark, checksum, packed, size = struct.unpack("<IIII", reader.unused_data[:16])
        assert (mark, checksum, size) == (0x08074B50, zlib.crc32(data), len(data))
        assert packed == len(archive) - len(reader.unused_data)
        found.append((name, data))
        archive = reader.unused_data[16:]
    return found


def test_an_archive_can_be_read_as_it_comes(tmp_path: Path) -> None:
    blobs = Blobs.open(Settings(data_dir=tmp_path))
    pictures = {"1.png": os.urandom(100_000), "2.png": b"", "ü.png": bytes(300_000)}
    for number, data in enumerate(pictures.values()):
        (tmp_path / "blobs" / str(number)).write_bytes(data)
    members = [Member(name, str(number)) for number, name in enumerate(pictures)]
    archive = b"".join(stream_zip(members, {"manifest.json": b'{"a": 1}'}, blobs, utcnow()))
    assert entries(archive) == [("manifest.json", b'{"a": 1}'), *pictures.items()]
    assert len(archive) > 400_000, "pictures are not compressed once more"
    with ZipFile(BytesIO(archive)) as whole:
        assert whole.testzip() is None


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("filename*=UTF-8''n%C3%A4me.jpg", "näme.jpg"),
        ("filename*=iso-8859-1'en'n%E4me.jpg", "näme.jpg"),
        ("filename*0*=UTF-8''n%C3%A4; filename*1=me.jpg", "näme.jpg"),
        ("filename=\"=?utf-8?B?bsOkbWUuanBn?=\"; filename*=utf-8''n%C3%A4me.jpg", "näme.jpg"),
        ('filename="=?utf-8?B?bsOkbWUuanBn?="', "näme.jpg"),
        ('filename="=?ISO-8859-1?Q?n=E4me.jpg?="', "näme.jpg"),
        ('filename="=?utf-8?B?bsOk?= =?utf-8?B?bWUuanBn?="', "näme.jpg"),
        ("filename=\"plain.jpg\"; filename*=UTF-8''n%C3%A4me.jpg", "näme.jpg"),
        ('filename="näme.jpg"', "näme.jpg"),
        ('filename="a=?b?.jpg"', "a=?b?.jpg"),
        ('filename="Screenshot 9.41\u202fAM\u3000\u200b.png "', "Screenshot 9.41 AM .png"),
        ('filename="=?no-charset?B?bsOkbWUuanBn?="', "=?no-charset?B?bsOkbWUuanBn?="),
        ('filename="=?utf-8?B?b?="', "=?utf-8?B?b?="),
        ("filename*=no-charset''n%C3%A4me.jpg", "nÃ¤me.jpg"),
        ('filename*=; filename="plain.jpg"', "plain.jpg"),
        ("filename*=UTF-8''%00%ED%A0%80a%2F..%2Fb.jpg", "b.jpg"),
        ('filename="' + "b" * 300 + '-0001.jpg"', "b" * 50 + "…" + "b" * 40 + "-0001.jpg"),
    ],
)
async def test_names_of_files_in_whatever_form(
    client: httpx.AsyncClient, fake_worker: FakeWorker, disposition: str, name: str
) -> None:
    style = await ready_style(client, fake_worker)
    lines = [
        b"--x\r\nContent-Disposition: form-data; name=style_id\r\n\r\n" + style.encode(),
        b'\r\n--x\r\nContent-Disposition: form-data; name="contents"; ' + disposition.encode(),
        b"\r\nContent-Type: image/png\r\n\r\n" + png() + b"\r\n--x--\r\n",
    ]
    answer = await client.post(
        "/v1/stylizations",
        content=b"".join(lines),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["stylization"]["items"][0]["name"] == name


async def test_stylizations_are_listed(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    one, two = [await ready_style(client, fake_worker) for _ in range(2)]
    ids = []
    for style in (one, two, one):
        body = (
            await client.post("/v1/stylizations", files=files(contents=png()), data={"style_id": style})
        ).json()
        ids.append(body["stylization"]["id"])
    await fake_worker.do_one()

    async def listed(query: str) -> list[str]:
        page = (await client.get(f"/v1/stylizations?{query}")).json()
        return [item["id"] for item in page["items"]]

    assert await listed("") == ids[::-1]
    assert await listed("limit=1") == [ids[2]]
    assert await listed(f"after={ids[2]}") == [ids[1], ids[0]]
    assert await listed("state=succeeded") == [ids[0]]
    assert await listed(f"style_id={one}") == [ids[2], ids[0]]


async def test_a_mask_in_one_call(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    body = form(("feather", "1"), examples=png(), content=png(), mask=encoded(picture(mode="L")))
    answer = await client.post("/v1/stylize", **body)
    assert answer.status_code == 202, answer.text
    job = await fake_worker.do_one()
    assert job.result is not None
    record = (await client.get(f"/v1/images/{job.result['images'][0]}")).json()["provenance"]
    assert record["masked"]
    assert record["styles"][0]["id"] == job.style_id
    assert not await nothing_stored(services)
