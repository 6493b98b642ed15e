"""How near a result comes to an example: the same picture is told from another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from app.provenance.copies import COPY, agreement, fingerprints

PHOTOS = Path(__file__).parents[3] / "model" / "image" / "photos"
NAMES = ("dahlia", "skyline", "portrait")


def photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / f"{name}.jpg") as opened:
        return opened.convert("RGB").resize((512, 384))


def painted(image: Image.Image) -> Image.Image:
    flat = ImageOps.posterize(image.filter(ImageFilter.ModeFilter(9)), 3)
    return ImageEnhance.Contrast(ImageEnhance.Color(flat).enhance(2)).enhance(1.4)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "the same": lambda image: image,
    "painted over": painted,
    "in greys": lambda image: image.convert("L"),
    "small": lambda image: image.resize((128, 96)),
    "its left upper quarter": lambda image: image.crop((0, 0, 256, 192)),
    "with something else beside it": lambda image: beside(image),
}


def beside(image: Image.Image) -> Image.Image:
    page = Image.effect_noise((1024, 768), 80).convert("RGB")
    page.paste(image, (512, 384))
    return page


@pytest.mark.parametrize("how", COPIES)
def test_an_example_is_known_again(how: str) -> None:
    known = fingerprints([photo(name) for name in NAMES])
    found = agreement(COPIES[how](photo("skyline")), known)
    assert found is not None
    assert found >= COPY


@pytest.mark.parametrize("name", ["dogs", "fig", "interior", "mountains", "pagoda"])
def test_another_photo_is_no_copy(name: str) -> None:
    found = agreement(photo(name), fingerprints([photo(each) for each in NAMES]))
    assert found is not None
    assert found < COPY


def test_nothing_is_like_nothing() -> None:
    plain = Image.new("RGB", (100, 100), "blue")
    assert fingerprints([plain]) == b""
    assert agreement(plain, fingerprints([photo("fig")])) is None
    assert agreement(photo("fig"), b"") is None


@pytest.mark.parametrize("angle", [0, 90])
def test_what_is_too_plain_to_be_known_is_no_copy(angle: int) -> None:
    """Of a ramp all but a few frequencies are rounding, which is the same in every ramp."""
    ramp = Image.linear_gradient("L").rotate(angle).convert("RGB")
    assert fingerprints([ramp]) == b""
    assert agreement(ramp.resize((300, 200)), fingerprints([photo("dahlia"), ramp])) is None
