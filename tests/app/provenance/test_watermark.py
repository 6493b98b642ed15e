"""The invisible watermark: what it survives, what it leaves alone, what it is not found in."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.infra.db import Sessions
from app.provenance.watermark.detect import find
from app.provenance.watermark.embed import embed
from app.provenance.watermark.payload import CHIPS, Payload, decode, encode
from app.provenance.watermark.service import marking_number, own_number
from app.settings import Settings

PHOTOS = Path(__file__).parents[3] / "model" / "image" / "photos"
SAID = Payload(0xBEEF, 0x12345678)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    with Image.open(PHOTOS / "portrait.jpg") as image:
        return image.convert("RGB").resize((960, 640))


@pytest.fixture(scope="module")
def marked(photo: Image.Image) -> Image.Image:
    return embed(photo, SAID)


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


HANDLED = {
    "as it is": lambda image: image,
    "JPEG 80": lambda image: jpeg(image, 80),
    "half the size": lambda image: image.resize((480, 320)),
    "twice the size": lambda image: image.resize((1920, 1280)),
    "cropped": lambda image: image.crop((96, 100, 864, 612)),
    "screenshot": lambda image: jpeg(image.resize((661, 441)), 85),
    "greys": lambda image: image.convert("L"),
}


@pytest.mark.parametrize("how", HANDLED)
def test_it_is_found_in_what_people_make_of_a_picture(marked: Image.Image, how: str) -> None:
    found = find(HANDLED[how](marked))
    assert found is not None
    assert found.payload == SAID
    assert found.scale == pytest.approx(1.25 if how == "cropped" else 1.0, abs=0.01)


@pytest.mark.parametrize("name", ["portrait.jpg", "skyline.jpg", "dandelions.jpg"])
def test_it_is_not_found_where_it_is_not(name: str) -> None:
    with Image.open(PHOTOS / name) as image:
        assert find(image) is None


@pytest.mark.parametrize("colour", ["white", "grey"])
def test_nothing_is_found_in_nothing(colour: str) -> None:
    assert find(Image.new("RGB", (300, 200), colour)) is None


def test_it_is_hardly_a_change(photo: Image.Image, marked: Image.Image) -> None:
    change = np.asarray(marked, np.int16) - np.asarray(photo, np.int16)
    assert 10 * np.log10(255**2 / (change**2).mean()) > 40
    assert abs(change).max() <= 16


def test_what_was_not_drawn_stays_bit_for_bit(photo: Image.Image) -> None:
    drawn = Image.new("L", photo.size)
    drawn.paste(255, (0, 0, 480, 640))
    before, after = np.asarray(photo), np.asarray(embed(photo, SAID, drawn))
    assert (before[:, 480:] == after[:, 480:]).all()
    assert (before[:, :480] != after[:, :480]).mean() > 0.3
    found = find(Image.fromarray(after))
    assert found is not None
    assert found.payload == SAID, "half of a picture is enough"


def test_what_is_transparent_stays(photo: Image.Image) -> None:
    cut = photo.convert("RGBA")
    alpha = Image.new("L", photo.size)
    alpha.paste(128, (0, 0, 500, 640))
    cut.putalpha(alpha)
    before, after = np.asarray(cut), np.asarray(embed(cut, SAID))
    assert (before[..., 3] == after[..., 3]).all()
    assert (before[:, 500:] == after[:, 500:]).all()
    assert (before[:, :500] != after[:, :500]).any()


@pytest.mark.parametrize("colour", ["black", "white"])
def test_it_does_not_go_over_black_and_white(colour: str) -> None:
    plain = Image.new("RGB", (200, 200), colour)
    change = np.abs(np.asarray(embed(plain, SAID), np.int16) - np.asarray(plain, np.int16))
    assert change.max() < 10


def test_a_tiny_picture_stays() -> None:
    tiny = Image.effect_noise((100, 100), 50).convert("RGB")
    assert embed(tiny, SAID) is tiny


@pytest.mark.parametrize("payload", [Payload(0, 0), Payload(65535, 2**32 - 1), SAID])
def test_a_fifth_of_the_chips_may_be_wrong(payload: Payload) -> None:
    chips = encode(payload)
    wrong = np.random.default_rng(1).permutation(CHIPS)[: CHIPS // 5]
    chips[wrong] *= -1
    assert decode(chips)[0] == payload
    chips[:] = np.random.default_rng(2).normal(size=CHIPS)
    assert decode(chips)[0] is None


async def test_a_service_draws_its_number_once(sessions: Sessions, settings: Settings) -> None:
    assert await marking_number(sessions, settings.model_copy(update={"watermark": "off"})) is None
    assert await own_number(sessions) is None
    number = await marking_number(sessions, settings)
    assert number is not None
    assert 0 < number < 2**16
    assert await marking_number(sessions, settings) == number == await own_number(sessions)
