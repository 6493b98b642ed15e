"""What the numbers of a still picture mean: profiles, curves and transparency of every mode and depth."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import ImageFormatUnsupportedError, MaskBlankError
from app.imaging.limits import Ground, Limits
from app.imaging.normalize import normalize
from tests.app.imaging.made import (
    GREY,
    GREY_ALPHA,
    GREY_PROFILE,
    RGB,
    RGB_PROFILE,
    iccp,
    interlaced,
    plain,
    png,
)
from tests.support.pictures import encoded, picture

Read = Callable[..., Image.Image]
SIZE = (24, 20)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(
        data: bytes, ground: Ground = Ground.KEPT, target_side: int = 2048, exact: bool = False
    ) -> Image.Image:
        source, target = tmp_path / "in", tmp_path / "out"
        source.write_bytes(data)
        normalize(source, target, Limits(16, 8192, 52_000_000, target_side, ground, exact))
        with Image.open(target) as image:
            image.load()
            return image.copy()

    return read


def srgb_of(light: float) -> float:
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def middle(image: Image.Image) -> tuple[int, ...]:
    found = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(found, tuple)
    return found


LEVEL = srgb_of(61 / 255)  # 134 of 255, where light is 61 of 255

GREYS = {
    "L": png(plain(SIZE, 61), GREY, iccp(GREY_PROFILE)),
    "LA": png(plain(SIZE, [61, 128]), GREY_ALPHA, iccp(GREY_PROFILE)),
    "L, a key": png(plain(SIZE, 61), GREY, iccp(GREY_PROFILE), (b"tRNS", b"\0\x09")),
    "16 bits": png(plain(SIZE, 61 * 257, np.uint16), GREY, iccp(GREY_PROFILE), depth=16),
    "LA, 16 bits": png(plain(SIZE, [61 * 257, 32896], np.uint16), GREY_ALPHA, iccp(GREY_PROFILE), depth=16),
    "RGB profile": png(plain(SIZE, 61), GREY, iccp(RGB_PROFILE)),
    "RGB": png(plain(SIZE, [61] * 3), RGB, iccp(RGB_PROFILE)),
    "RGB, 16 bits": png(plain(SIZE, [61 * 257] * 3, np.uint16), RGB, iccp(RGB_PROFILE), depth=16),
    "gamma": png(plain(SIZE, 61), GREY, (b"gAMA", struct.pack(">I", 100_000))),
    "RGB, gamma": png(plain(SIZE, [61] * 3), RGB, (b"gAMA", struct.pack(">I", 100_000))),
    "LA, gamma": png(plain(SIZE, [61, 128]), GREY_ALPHA, (b"gAMA", struct.pack(">I", 100_000))),
}


@pytest.mark.parametrize("kind", GREYS)
@pytest.mark.parametrize("side", [2048, 18], ids=["whole", "smaller"])
def test_greys_in_linear_light(read: Read, kind: str, side: int) -> None:
    image = read(GREYS[kind], target_side=side)
    assert middle(image)[:3] == pytest.approx([LEVEL] * 3, abs=2 if image.mode == "RGBA" else 1)
    assert image.mode == ("RGBA" if kind.startswith("LA") else "RGB")


@pytest.mark.parametrize("kind", ["grey profile", "profile", "gamma", "grey and alpha"])
def test_sixteen_bits_are_cut_after_the_colours_are_known(read: Read, kind: str) -> None:
    """A hundredth of the darkest of 8 bits is a level of its own in sRGB."""
    dark = 100  # of 65535; 0 of 255
    data = {
        "grey profile": png(plain(SIZE, dark, np.uint16), GREY, iccp(GREY_PROFILE), depth=16),
        "profile": png(plain(SIZE, [dark] * 3, np.uint16), RGB, iccp(RGB_PROFILE), depth=16),
        "gamma": png(
            plain(SIZE, [dark] * 3, np.uint16), RGB, (b"gAMA", struct.pack(">I", 100_000)), depth=16
        ),
        "grey and alpha": png(
            plain(SIZE, [dark, 65535], np.uint16), GREY_ALPHA, iccp(GREY_PROFILE), depth=16
        ),
    }[kind]
    assert middle(read(data)) == pytest.approx([srgb_of(dark / 65535)] * 3, abs=0.6)


@pytest.mark.parametrize("colour_type", [RGB, GREY_ALPHA])
def test_deep_pictures_may_be_interlaced(read: Read, colour_type: int) -> None:
    channels = 3 if colour_type == RGB else 2
    values = np.random.default_rng(0).integers(0, 65536, (21, 19, channels)).astype(np.uint16)
    profile = iccp(RGB_PROFILE if colour_type == RGB else GREY_PROFILE)
    whole = read(png(values, colour_type, profile, depth=16))
    assert (np.asarray(read(interlaced(values, colour_type, profile))) == np.asarray(whole)).all()


@pytest.mark.parametrize(
    ("values", "colour_type", "key", "depth"),
    [
        (plain(SIZE, 12345, np.uint16), GREY, b"\x30\x39", 16),
        (plain(SIZE, [12345, 1, 2], np.uint16), RGB, b"\x30\x39\0\1\0\2", 16),
        (plain(SIZE, 9), GREY, b"\0\x09", 8),
        (plain(SIZE, [9, 8, 7]), RGB, b"\0\x09\0\x08\0\x07", 8),
        (plain(SIZE, 2), GREY, b"\0\x02", 2),
        (plain(SIZE, 1), GREY, b"\0\x01", 1),
    ],
    ids=["grey 16", "RGB 16", "grey 8", "RGB 8", "grey 2", "grey 1"],
)
def test_the_colour_that_is_transparent_is_found(
    read: Read, values: np.ndarray, colour_type: int, key: bytes, depth: int
) -> None:
    values[:, 12:] = 0
    image = read(png(values, colour_type, (b"tRNS", key), depth=depth))
    assert image.mode == "RGBA"
    assert [image.getpixel((x, 5))[3] for x in (3, 20)] == [0, 255]  # type: ignore[index]


def test_neighbours_in_sixteen_bits_are_not_transparent(read: Read) -> None:
    """They are the same in eight."""
    values = plain(SIZE, [12345, 1, 2], np.uint16)
    values[:, 12:] = [12346, 1, 2]
    image = read(png(values, RGB, (b"tRNS", b"\x30\x39\0\1\0\2"), depth=16))
    assert [image.getpixel((x, 5))[3] for x in (3, 20)] == [0, 255]  # type: ignore[index]


@pytest.mark.parametrize("extra", [(), ((b"sRGB", b"\0"),)], ids=["alone", "with sRGB"])
def test_the_usual_gamma_changes_nothing(read: Read, extra: tuple[tuple[bytes, bytes], ...]) -> None:
    values = np.asarray(picture())
    chunks = [(b"gAMA", struct.pack(">I", 45_455)), *extra]
    assert (np.asarray(read(png(values, RGB, *chunks))) == values).all()


def test_srgb_goes_before_gamma(read: Read) -> None:
    values = np.asarray(picture())
    data = png(values, RGB, (b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000)))
    assert (np.asarray(read(data)) == values).all()


def test_primaries_of_a_png(read: Read) -> None:
    """Those of Adobe RGB: its red is redder than a screen's."""
    adobe = [31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000]
    gamma = (b"gAMA", struct.pack(">I", 45_455))
    data = png(plain(SIZE, [30, 200, 30]), RGB, gamma, (b"cHRM", struct.pack(">8I", *adobe)))
    red, green, blue = middle(read(data))
    assert red == 0
    assert blue == pytest.approx(15, abs=20)
    assert green == pytest.approx(201, abs=3)
    zeros = (b"cHRM", bytes(32))
    assert middle(read(png(plain(SIZE, [30, 200, 30]), RGB, gamma, zeros))) == (30, 200, 30)


def pq_of(nits: float) -> float:
    """SMPTE ST 2084."""
    y = (nits / 10_000) ** 0.1593017578125
    return float(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour_type", [GREY, RGB])
def test_high_dynamic_range_in_a_png(read: Read, depth: int, colour_type: int) -> None:
    """Half the light of graphic white (203 cd/m²) in PQ is half of sRGB's."""
    level = round(pq_of(203 / 2) * (2**depth - 1))
    values = plain(
        SIZE, level if colour_type == GREY else [level] * 3, np.uint16 if depth == 16 else np.uint8
    )
    data = png(values, colour_type, (b"cICP", bytes([9, 16, 0, 1])), depth=depth)
    assert middle(read(data)) == pytest.approx([srgb_of(0.5)] * 3, abs=3 if depth == 8 else 1)


def test_what_is_brighter_than_white_is_pressed_into_it(read: Read) -> None:
    steps = [203.0, 400.0, 800.0, 1000.0, 4000.0]
    values = np.zeros((20, 25, 3), np.uint16)
    for i, nits in enumerate(steps):
        values[:, 5 * i : 5 * i + 5] = round(pq_of(nits) * 65535)
    image = read(png(values, RGB, (b"cICP", bytes([9, 16, 0, 1])), depth=16))
    levels = [image.getpixel((5 * i + 2, 10))[0] for i in range(5)]  # type: ignore[index]
    assert levels == sorted(levels)
    assert 245 <= levels[0] < levels[1] < 255
    assert levels[3:] == [255, 255]


def test_hlg_p3_and_narrow_range_in_a_png(read: Read) -> None:
    def of(colour: list[int], *cicp: int) -> tuple[int, ...]:
        return middle(read(png(plain(SIZE, colour), RGB, (b"cICP", bytes(cicp)))))

    assert of([191] * 3, 9, 18, 0, 1) == pytest.approx([248] * 3, abs=3)  # 75 % is graphic white
    assert of([200, 100, 100], 12, 13, 0, 1)[0] > 210
    assert of([200, 100, 100], 1, 13, 0, 1) == (200, 100, 100)
    assert of([16, 126, 235], 1, 13, 0, 0) == pytest.approx([0, 128, 255], abs=1)


def test_cicp_goes_before_a_profile(read: Read) -> None:
    data = png(plain(SIZE, [61] * 3), RGB, (b"cICP", bytes([1, 13, 0, 1])), iccp(RGB_PROFILE))
    assert middle(read(data)) == (61, 61, 61)


def test_a_mask_that_is_transparent_outside(read: Read) -> None:
    mask = Image.new("RGBA", SIZE, (255, 255, 255, 255))
    mask.paste((255, 255, 255, 0), (0, 0, 12, 20))
    mask.paste((0, 0, 0, 0), (0, 0, 12, 10))
    found = read(encoded(mask), Ground.BLACK)
    assert [found.getpixel((x, y)) for x, y in ((3, 3), (3, 15), (20, 10))] == [
        (0, 0, 0),
        (0, 0, 0),
        (255, 255, 255),
    ]


def test_a_mask_in_black_on_nothing_is_refused(read: Read) -> None:
    mask = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    mask.paste((0, 0, 0, 255), (0, 0, 12, 20))
    with pytest.raises(MaskBlankError, match="make white what is to be inside"):
        read(encoded(mask), Ground.BLACK)
    assert read(encoded(Image.new("L", SIZE, 0)), Ground.BLACK).getextrema() == ((0, 0),) * 3


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 100, "subsampling": 0}], ids=str)
def test_a_jpeg_may_lack_its_end_marker(read: Read, options: dict[str, object]) -> None:
    whole = encoded(picture(200, 150), "JPEG", **options)
    assert whole.endswith(b"\xff\xd9")
    assert (np.asarray(read(whole[:-2])) == np.asarray(read(whole))).all()
    assert (np.asarray(read(whole[:-1])) == np.asarray(read(whole))).all()


def test_other_formats_may_lack_their_end_too(read: Read) -> None:
    still = encoded(picture())
    assert (np.asarray(read(still[: still.rindex(b"IEND") - 4])) == np.asarray(picture())).all()
    gif = encoded(picture(), "GIF")
    assert (np.asarray(read(gif[:-1])) == np.asarray(picture())).all()


def test_a_photo_that_keeps_some_pixels_is_kept_without_loss(read: Read) -> None:
    photo = encoded(picture(), "JPEG")
    with Image.open(BytesIO(photo)) as image:
        own = np.asarray(image)
    assert (np.asarray(read(photo, exact=True)) == own).all()


NAMED = {
    b"\xff\x0a\xfa\x1f": "a JPEG XL picture",
    b"\0\0\0\x0cJXL \r\n\x87\n": "a JPEG XL picture",
    b"\0\0\0\x0cjP  \r\n\x87\n": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51\0": "a JPEG 2000 picture",
    b"\0\0\0\x14ftypmif2\0\0\0\0miaf": "a HEIF picture",
    b"\0\0\0\x18ftypcrx \0\0\0\1crx isom": "a camera's raw file",
    b"\0\0\0\x18ftypisom\0\0\2\0isommp41": "a video",
    b"\0\0\0\x14ftypqt  \0\0\2\0qt  ": "a video",
    b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81": "a video",
    b"RIFF\0\0\0\0AVI LIST": "a video",
    b"<!DOCTYPE html><html>": "a web page",
    b"\x1f\x8b\x08\0": "a gzip archive",
}


@pytest.mark.parametrize("head", NAMED, ids=lambda head: NAMED[head] + " " + head[4:12].hex())
def test_what_is_refused_is_named(read: Read, head: bytes) -> None:
    with pytest.raises(ImageFormatUnsupportedError, match=f"is {NAMED[head]}: send"):
        read(head + bytes(600))
