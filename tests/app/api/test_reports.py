"""What users of other tools have reported, tried here (docs/bug-reports.md)."""

from __future__ import annotations

import asyncio
import struct
import tempfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageCms

from app.api.services import Container
from app.http.byte_ranges import byte_range
from app.http.content_negotiation import wait_seconds
from app.jobs import events
from model.image.rendering.size_batches import fitting
from tests.support.fake_worker import FakeWorker, ready_style
from tests.support.keys import key_for
from tests.support.pictures import encoded, files, picture, png

BAD_EXIF = {
    "a fraction below nothing": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x1a\x01\x0a\0\x01\0\0\0\x1a\0\0\0\0\0\0\0"
    b"\xff\xff\xff\xff\0\0\0\0",
    "twice the same head": b"Exif\0\0Exif\0\0II*\0\x08\0\0\0\0\0",
    "no head at all": b"Exif\0\0nonsense",
    "cut off": b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
    "an orientation of 300": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x2c\x01\0\0\0\0\0\0",
    "two orientations": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x02\0\0\0\x06\0\x03\0\0\0\0\0",
    "far away": b"Exif\0\0II*\0\xff\xff\xff\x7f",
}


async def content_of(
    client: httpx.AsyncClient, fake_worker: FakeWorker, data: bytes, **fields: Any
) -> Image.Image:
    """What is stored of a content, as the service shows it."""
    style = await ready_style(client, fake_worker)
    made = await client.post(
        "/v1/stylizations", files=files(contents=data), data={"style_id": style, **fields}
    )
    assert made.status_code == 202, made.text
    assert made.json()["stylization"]["items"][0]["error"] is None
    (image,) = (await client.get("/v1/images?role=content")).json()["items"]
    return Image.open(BytesIO((await client.get(image["url"])).content))


async def test_photos_of_cameras_that_hold_several_pictures_are_photos(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    buffer = BytesIO()
    picture().save(buffer, "MPO", save_all=True, append_images=[picture(16, 16, seed=1)])
    assert Image.open(buffer).format == "MPO"
    stored = await content_of(client, fake_worker, buffer.getvalue())
    assert (stored.size, getattr(stored, "n_frames", 1)) == ((64, 48), 1)
    answer = await client.post("/v1/styles", files=files(examples=buffer.getvalue()))
    assert answer.status_code == 202, answer.text


async def test_inks_are_not_inverted(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    red = Image.new("CMYK", (64, 48), (0, 255, 255, 0))
    stored = await content_of(client, fake_worker, encoded(red, "JPEG", quality=95))
    level = stored.convert("RGB").getpixel((30, 20))
    assert isinstance(level, tuple)
    assert level[0] > 200
    assert max(level[1:]) < 60


@pytest.mark.parametrize("size", [(8000, 16), (16, 8000)])
async def test_a_ribbon_keeps_its_width(
    client: httpx.AsyncClient, fake_worker: FakeWorker, size: tuple[int, int]
) -> None:
    stored = await content_of(client, fake_worker, encoded(Image.new("RGB", size, "teal")), size=64)
    assert min(stored.size) == 16, "the smallest side that a picture may have"
    assert fitting(stored.size, 64, 64) in ((64, 1), (1, 64))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("which", BAD_EXIF)
async def test_damaged_remarks_do_not_damage_the_picture(
    client: httpx.AsyncClient, which: str, form: str
) -> None:
    data = encoded(picture(), form, exif=BAD_EXIF[which])
    answer = await client.post("/v1/styles", files=files(examples=data))
    assert answer.status_code == 202, answer.text


async def test_a_palette_that_is_transparent_in_steps(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    image = Image.new("P", (64, 48), 1)
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.paste(2, (0, 0, 32, 48))
    stored = await content_of(client, fake_worker, encoded(image, transparency=bytes([255, 128, 0])))
    assert stored.convert("RGBA").getpixel((50, 20)) == (0, 255, 0, 128)
    assert stored.convert("RGBA").getchannel("A").getpixel((5, 5)) == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/jobs?state=%00", None),
        ("GET", "/v1/jobs?after=%00", None),
        ("GET", "/v1/jobs?style_id=%00", None),
        ("GET", "/v1/styles?search=%00", None),
        ("GET", "/v1/images?job_id=a%00b", None),
        ("GET", "/v1/jobs/%00", None),
        ("GET", "/v1/styles/a%00b/file", None),
        ("DELETE", "/v1/images/%00", None),
        ("POST", "/v1/webhooks", {"url": "https://a\0.example/"}),
        ("POST", "/v1/webhooks", {"url": "https://a.example/", "description": "a\0b"}),
    ],
)
async def test_a_zero_byte_is_the_senders_mistake(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    answer = await client.request(method, path, json=body)
    assert 400 <= answer.status_code < 500, answer.text


async def test_zero_bytes_in_forms(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    answer = await client.post("/v1/styles", files=files(examples=png()), data={"name": "a\0b"})
    assert answer.status_code == 422, answer.text
    style = await ready_style(client, fake_worker)
    named = [("contents", ("a\0b.png", png()))]
    answer = await client.post("/v1/stylizations", files=named, data={"style_id": style})
    assert answer.status_code in (202, 400), answer.text


@pytest.mark.parametrize("size", [1000, 3 << 20])
async def test_a_temporary_folder_that_is_gone(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: int
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    data = png() + bytes(size)
    answer = await client.post("/v1/styles", files=files(examples=data))
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"]


async def test_a_silent_event_stream_says_that_it_lives(
    live: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert events._SIGN_EVERY <= 30, "proxies close what is silent for a minute"
    monkeypatch.setattr(events, "_SIGN_EVERY", 0.0)
    made = await live.post("/v1/styles", files=files(examples=png()))
    async with live.stream("GET", f"/v1/jobs/{made.json()['job']['id']}/events") as answer:
        async with asyncio.timeout(20):
            async for line in answer.aiter_lines():
                if line.startswith(":"):
                    break


@pytest.mark.parametrize("size", ["1_000", "5１2", "0x200", "1e3", "512.5", "½", "NaN", "٥١٢"])
async def test_numbers_are_numbers(client: httpx.AsyncClient, fake_worker: FakeWorker, size: str) -> None:
    style = await ready_style(client, fake_worker)
    form = {"style_id": style, "size": size}
    answer = await client.post("/v1/stylizations", files=files(contents=png()), data=form)
    if answer.status_code == 202:  # as Python reads it, then
        job = answer.json()["job"]
        assert isinstance((await client.get(f"/v1/jobs/{job['id']}")).json()["id"], str)
        assert int(size) >= 16
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


def test_digits_in_headers_are_those_of_ascii() -> None:
    assert wait_seconds("wait=１０", 60) is None
    assert byte_range("bytes=０-１", None, size=10, etag='"a"') is None


@pytest.mark.parametrize("header", ["Bearer  {}", "Bearer {} ", "bearer {}", "BEARER {}"])
async def test_blanks_around_a_key(client: httpx.AsyncClient, services: Container, header: str) -> None:
    key = (await key_for(services.sessions, "ada"))["Authorization"].split()[1]
    answer = await client.get("/v1/jobs", headers={"Authorization": header.format(key)})
    assert answer.status_code == 200, answer.text


async def test_a_mask_lies_on_the_photo_as_it_is_seen(
    client: httpx.AsyncClient, fake_worker: FakeWorker
) -> None:
    style = await ready_style(client, fake_worker)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(picture(64, 48), "JPEG", exif=exif)
    mask = encoded(Image.new("L", (48, 64), 255))
    sent = files(contents=turned, mask=mask)
    made = await client.post("/v1/stylizations", files=sent, data={"style_id": style})
    assert made.status_code == 202, made.text
    sizes = {
        image["role"]: (image["width"], image["height"])
        for image in (await client.get("/v1/images")).json()["items"]
    }
    assert sizes["content"] == sizes["mask"] == (48, 64)


@pytest.mark.parametrize("disposal", [2, 3])
async def test_frames_that_are_taken_away_are_gone(
    client: httpx.AsyncClient, fake_worker: FakeWorker, disposal: int
) -> None:
    ground = Image.new("RGBA", (64, 48), "white")
    spots = []
    for left in (0, 40):
        spot = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
        spot.paste("red", (left, 0, left + 16, 16))
        spots.append(spot)
    buffer = BytesIO()
    ground.save(
        buffer, "GIF", save_all=True, append_images=spots, disposal=[1, disposal, 1], duration=100, loop=0
    )
    stored = await content_of(client, fake_worker, buffer.getvalue())
    stored.seek(2)
    assert stored.convert("RGB").getpixel((50, 8)) == pytest.approx((255, 0, 0), abs=40)
    gone = stored.convert("RGB").getpixel((8, 8))
    assert gone == pytest.approx((255, 255, 255), abs=40), "the spot before it"


@pytest.mark.parametrize(
    "text", ['{"name": NaN}', '{"name": 1e999}', '{"name": "\\ud800"}', "\ufeff{}", "[" * 900]
)
async def test_what_is_no_json(client: httpx.AsyncClient, fake_worker: FakeWorker, text: str) -> None:
    style = await ready_style(client, fake_worker)
    answer = await client.patch(
        f"/v1/styles/{style}", content=text.encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (200, 400, 422), answer.text


async def test_a_profile_in_another_space(client: httpx.AsyncClient) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    answer = await client.post("/v1/styles", files=files(examples=encoded(picture(), icc_profile=lab)))
    assert answer.status_code == 202, answer.text


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


async def test_remarks_of_a_png_that_are_no_tiff(client: httpx.AsyncClient) -> None:
    data = png()
    cut = data.index(b"IDAT") - 4
    odd = data[:cut] + chunk(b"eXIf", b"\0\x08\0\x02\x01\x12\0\x03") + data[cut:]
    answer = await client.post("/v1/styles", files=files(examples=odd))
    assert answer.status_code == 202, answer.text
