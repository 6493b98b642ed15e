"""AVIF and HEIC: read where there is a decoder, else refused by name at once.

The two HEIC files are 64x48 pixels, red on the left and blue on the right, written by libheif with x265; the
second is to be turned by a quarter.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image, features

from app.errors import ImageAnimatedError, ImageCorruptError, ImageError, ImageFormatUnsupportedError
from app.imaging import readable
from app.imaging.decoder_pool import Decoder
from app.imaging.limits import Ground, Limits
from app.imaging.normalize import normalize
from app.imaging.sniff import InputFormat, sniff
from tests.support.fake_worker import FakeWorker
from tests.support.pictures import encoded, picture
from tests.support.problems import check_problem

LIMITS = Limits(min_side=16, max_side=8192, max_pixels=40_000_000, target_side=2048, ground=Ground.KEPT)
HERE = Path(__file__).parent
HEIC = HERE / "two_colours.heic"
TURNED = HERE / "two_colours_turned.heic"
RED, BLUE = (220, 40, 30), (20, 60, 200)

needs_avif = pytest.mark.skipif(not features.check_module("avif"), reason="Pillow without libavif")


@pytest.fixture
def heic() -> bytes:
    pytest.importorskip("pi_heif", reason="the extra `heic` is not installed")
    return HEIC.read_bytes()


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where neither decoder is installed."""
    monkeypatch.setattr(readable, "find_spec", lambda name: None)
    readable.readable.cache_clear()
    yield
    readable.readable.cache_clear()


def plain(data: bytes, folder: Path) -> tuple[str, Image.Image]:
    (folder / "in").write_bytes(data)
    done = normalize(folder / "in", folder / "out", LIMITS, label="`IMG_1`")
    with Image.open(folder / "out") as image:
        return done.media_type, image.copy()


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.asarray(image.convert("RGB"))[at[1], at[0]].astype(int) - colour).max() < 12)


def test_a_heic_photo_is_read(heic: bytes, tmp_path: Path) -> None:
    media_type, image = plain(heic, tmp_path)
    assert (media_type, image.mode, image.size) == ("image/jpeg", "RGB", (64, 48))
    assert near(image, (8, 24), RED)
    assert near(image, (56, 24), BLUE)


def test_a_heic_photo_is_turned_once(heic: bytes, tmp_path: Path) -> None:
    _, image = plain(TURNED.read_bytes(), tmp_path)
    assert image.size == (48, 64)
    assert near(image, (24, 8), RED)
    assert near(image, (24, 56), BLUE)


def test_a_cut_heic_is_damaged(heic: bytes, tmp_path: Path) -> None:
    with pytest.raises(ImageCorruptError, match=r"^`IMG_1` is damaged"):
        plain(heic[: len(heic) // 2], tmp_path)


@needs_avif
def test_a_damaged_avif_is_damaged(tmp_path: Path) -> None:
    """Wherever it is: its decoder raises RuntimeError, as that of no other format does."""
    data = encoded(picture(64, 48), "AVIF")
    refused = []
    for at in range(12, len(data), 5):
        try:
            plain(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], tmp_path)
        except ImageError as error:
            refused.append(str(error))
    assert len(refused) > 10
    assert all(says.startswith("`IMG_1` is ") for says in refused)


@needs_avif
def test_an_avif_picture_is_read(tmp_path: Path) -> None:
    media_type, image = plain(encoded(picture(), "AVIF", quality=95), tmp_path)
    assert media_type == "image/png"
    assert np.abs(np.asarray(image).astype(int) - np.asarray(picture())).mean() < 6


@needs_avif
def test_the_colour_box_of_an_avif_counts(tmp_path: Path) -> None:
    grey = encoded(Image.new("RGB", (64, 64), (128, 128, 128)), "AVIF", quality=95)
    assert grey.count(b"colrnclx") == 1
    at = grey.index(b"colrnclx") + 8
    pq = grey[: at + 2] + (16).to_bytes(2, "big") + grey[at + 4 :]
    _, as_srgb = plain(grey, tmp_path)
    _, as_pq = plain(pq, tmp_path)
    assert near(as_srgb, (9, 9), (128, 128, 128))
    assert not near(as_pq, (9, 9), (128, 128, 128))


@needs_avif
def test_a_moving_avif_is_refused(tmp_path: Path) -> None:
    out = BytesIO()
    picture().save(out, "AVIF", save_all=True, append_images=[picture().rotate(180)])
    with pytest.raises(ImageAnimatedError, match="animated"):
        plain(out.getvalue(), tmp_path)


def test_where_there_is_no_decoder_both_are_refused_at_once(without: None, tmp_path: Path) -> None:
    assert set(readable.readable()) == set(InputFormat) - {InputFormat.AVIF, InputFormat.HEIC}
    sentence = r"^`IMG_1` is a HEIC picture: send JPEG, PNG, WebP or GIF pictures\."
    with pytest.raises(ImageFormatUnsupportedError, match=sentence):
        plain(HEIC.read_bytes(), tmp_path)


async def test_the_confined_process_reads_both(heic: bytes, tmp_path: Path) -> None:
    decoder = Decoder(processes=1)
    try:
        for number, data in enumerate((heic, encoded(picture(64, 48), "AVIF"))):
            source = tmp_path / f"in{number}"
            source.write_bytes(data)
            done = await decoder.normalize(source, tmp_path / f"out{number}", LIMITS, label="File 1")
            assert (done.width, done.height) == (64, 48)
    finally:
        await decoder.close()


async def test_a_picture_for_a_browser_that_cannot_show_it(client: httpx.AsyncClient, heic: bytes) -> None:
    answer = await client.post("/v1/images/plain", files={"file": ("IMG_1.HEIC", heic)})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(BytesIO(answer.content)) as image:
        assert near(image, (8, 24), RED)
    assert (await client.get("/v1/images")).json()["items"] == [], "nothing is kept"
    formats = (await client.get("/v1/models")).json()["items"][0]["input_formats"]
    assert "heic" in formats
    text = await client.post("/v1/images/plain", files={"file": ("a.heic", b"I am text")})
    check_problem(text, 415, "image_format_unsupported")
    assert text.json()["detail"].startswith("`file` is a text file")
    missing = await client.post("/v1/images/plain", files={"other": ("a.heic", b"")})
    assert missing.status_code == 422


async def test_a_heic_photo_and_heic_examples_make_a_job(
    client: httpx.AsyncClient, fake_worker: FakeWorker, heic: bytes
) -> None:
    files = [("examples", ("a.heic", heic)), ("content", ("b.heic", heic))]
    answer = await client.post("/v1/stylize", files=files)
    assert answer.status_code == 202
    assert (await fake_worker.do_one()).state == "succeeded"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheix\0\0\0\0mif1heix", InputFormat.HEIC),
        (b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc", InputFormat.HEIC),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", InputFormat.HEIC),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", InputFormat.AVIF),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", InputFormat.AVIF),
        (b"\0\0\0\x18ftypisom\0\0\2\0isommp41", None),
    ],
)
def test_the_brands_of_a_file_tell_its_coding(head: bytes, kind: InputFormat | None) -> None:
    assert sniff(head) is kind
