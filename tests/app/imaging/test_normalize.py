"""What becomes of an uploaded picture, and which ones are refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from app.errors import (
    ClipTooLongError,
    ImageAnimatedError,
    ImageCorruptError,
    ImageError,
    ImageFormatUnsupportedError,
    ImageTooLargeError,
    ImageTooSmallError,
)
from app.imaging.clip_reader import Frame
from app.imaging.limits import Ground, Limits, Normalized
from app.imaging.normalize import normalize
from tests.support.pictures import encoded, picture

LIMITS = Limits(min_side=16, max_side=8192, max_pixels=40_000_000, target_side=2048, ground=Ground.KEPT)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[Normalized, Image.Image]]:
    def run(data: bytes, **limits: object) -> tuple[Normalized, Image.Image]:
        source, target = tmp_path / "in", tmp_path / "out"
        source.write_bytes(data)
        done = normalize(source, target, Limits(**{**vars(LIMITS), **limits}))
        assert done.size_bytes == target.stat().st_size
        with Image.open(target) as image:
            image.load()
            assert image.size == (done.width, done.height)
            assert image.get_format_mimetype() == done.media_type
            return done, image.copy()

    return run


Run = Callable[..., tuple[Normalized, Image.Image]]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def difference(one: Image.Image, two: Image.Image) -> float:
    assert one.size == two.size
    return float(np.abs(pixels(one) - pixels(two)).mean())


@pytest.mark.parametrize(
    ("format", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/png")]
)
def test_a_plain_picture_stays_as_it_is(run: Run, format: str, media_type: str) -> None:
    options = (
        {"lossless": True}
        if format == "WEBP"
        else {"quality": 100, "subsampling": 0}
        if format == "JPEG"
        else {}
    )
    done, image = run(encoded(picture(), format, **options))
    assert done.media_type == media_type
    assert image.mode == "RGB"
    assert difference(image, picture()) < (2.5 if format == "JPEG" else 1e-9)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(run: Run, orientation: int) -> None:
    upright = picture(96, 64)
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    done, image = run(encoded(stored, "PNG", exif=exif))
    assert (done.width, done.height) == (96, 64)
    assert difference(image, upright) == 0


def test_an_icc_profile_is_applied(run: Run) -> None:
    # sRGB with the primaries of red and blue exchanged, by exchanging the two tags' names.
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    source = picture()
    red, green, blue = source.split()
    for format, near in (("PNG", 2), ("JPEG", 4)):
        data = encoded(source, format, icc_profile=swapped, quality=100, subsampling=0)
        _, image = run(data)
        assert difference(image, Image.merge("RGB", (blue, green, red))) < near
        assert difference(image, source) > 30


def test_a_profile_that_cannot_be_read_is_ignored(run: Run) -> None:
    _, image = run(encoded(picture(), "PNG", icc_profile=b"no profile"))
    assert difference(image, picture()) == 0


def test_metadata_is_dropped(run: Run) -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    text = PngInfo()
    text.add_text("Comment", "secret place")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data in (
        encoded(picture(), "PNG", exif=exif, pnginfo=text, icc_profile=srgb),
        encoded(picture(), "JPEG", exif=exif, icc_profile=srgb, comment=b"secret place"),
    ):
        assert b"secret" in data
        _, image = run(data)
        assert not image.getexif()
        assert not {"icc_profile", "exif", "Comment", "comment"} & image.info.keys()


def test_alpha_is_kept_for_contents_and_flattened_for_examples(run: Run) -> None:
    image = picture(mode="RGB").convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    _, content = run(encoded(image))
    assert content.mode == "RGBA"
    assert difference(content.getchannel("A"), image.getchannel("A")) == 0
    _, example = run(encoded(Image.new("RGBA", (32, 32), (0, 0, 0, 0))), ground=Ground.WHITE)
    assert example.mode == "RGB"
    assert example.getextrema() == ((255, 255),) * 3, "transparent is white"


def test_an_opaque_alpha_channel_is_dropped(run: Run) -> None:
    _, image = run(encoded(picture().convert("RGBA")))
    assert image.mode == "RGB"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(run: Run, mode: str) -> None:
    grey = Image.linear_gradient("L").resize((64, 64))
    if mode == "I;16":
        source = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode in ("P", "CMYK"):
        source = grey.quantize(64) if mode == "P" else grey.convert("RGB").convert(mode)
    else:
        source = grey.convert(mode)
    _, image = run(encoded(source, "JPEG" if mode == "CMYK" else "PNG"))
    assert image.mode == "RGB"
    if mode != "1":
        assert difference(image, grey.convert("RGB")) < 6


def test_a_palette_with_transparency_keeps_it(run: Run) -> None:
    source = Image.new("P", (32, 32), 0)
    source.putpalette([255, 0, 0, 0, 255, 0])
    source.paste(1, (0, 0, 16, 32))
    _, image = run(encoded(source, "PNG", transparency=1))
    assert image.mode == "RGBA"
    assert image.getchannel("A").getpixel((0, 0)) == 0
    assert image.getpixel((31, 0)) == (255, 0, 0, 255)


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_large_pictures_are_scaled_down(run: Run, format: str) -> None:
    done, image = run(encoded(picture(1200, 900), format), target_side=400)
    assert (done.width, done.height) == (400, 300)
    assert difference(image, picture(400, 300)) < 12


def test_the_shorter_side_survives_scaling(run: Run) -> None:
    done, _ = run(encoded(picture(4000, 20)), target_side=400)
    assert (done.width, done.height) == (3200, 16)


def animated(format: str) -> bytes:
    frames = [picture(seed=seed) for seed in range(3)]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=100)


def bomb() -> bytes:
    """A PNG of 30000 x 30000 black pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(3751 * 100)))
        + chunk(b"IEND", b"")
    )


def damaged_png() -> bytes:
    data = bytearray(encoded(picture()))
    middle = data.index(b"IDAT") + 12
    data[middle : middle + 8] = b"\xff" * 8
    return bytes(data)


REFUSED: list[tuple[str, Callable[[], bytes], type[ImageError], str]] = [
    ("text", lambda: b"This is no picture.\n" * 9, ImageFormatUnsupportedError, "a text file"),
    ("empty", lambda: b"", ImageFormatUnsupportedError, "an empty file"),
    ("animated gif", lambda: animated("GIF"), ImageAnimatedError, "animated"),
    ("bmp", lambda: encoded(picture(), "BMP"), ImageFormatUnsupportedError, "a BMP"),
    ("tiff", lambda: encoded(picture(), "TIFF"), ImageFormatUnsupportedError, "a TIFF"),
    ("svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", ImageFormatUnsupportedError, "an SVG"),
    ("animated webp", lambda: animated("WEBP"), ImageAnimatedError, "animated"),
    ("animated png", lambda: animated("PNG"), ImageAnimatedError, "animated"),
    ("truncated jpeg", lambda: encoded(picture(400, 400), "JPEG")[:-2000], ImageCorruptError, "damaged"),
    ("truncated png", lambda: encoded(picture(400, 400))[:-200], ImageCorruptError, "damaged"),
    ("truncated webp", lambda: encoded(picture(400, 400), "WEBP")[:-200], ImageCorruptError, "damaged"),
    ("jpeg header only", lambda: encoded(picture(), "JPEG")[:20], ImageCorruptError, "damaged"),
    ("damaged png", damaged_png, ImageCorruptError, "damaged"),
    ("bomb", bomb, ImageTooLargeError, "30000x30000"),
    ("1x10000", lambda: encoded(picture(1, 10_000)), ImageTooSmallError, "1x10000"),
    ("15x15", lambda: encoded(picture(15, 15)), ImageTooSmallError, "16 pixels"),
    ("too wide", lambda: encoded(picture(8193, 16)), ImageTooLargeError, "8192"),
]


@pytest.mark.parametrize(
    ("data", "error", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused(
    run: Run, data: Callable[[], bytes], error: type[ImageError], says: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as refused:
        run(data())
    assert says in refused.value.detail
    assert ": " in refused.value.detail, "the sentence says what to do next"
    assert str(tmp_path) not in refused.value.detail
    assert not (tmp_path / "out").exists()


MOVING = {"frames": 5, "seconds": 1.0, "clip_side": 32}


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_where_they_are_allowed_animations_become_animated_webp(run: Run, form: str) -> None:
    buffer = BytesIO()
    frames = [picture(64, 48, seed=seed) for seed in range(3)]
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:], duration=[40, 80, 120])
    done, image = run(buffer.getvalue(), **MOVING)
    assert (done.media_type, done.extension, done.frames) == ("image/webp", "webp", 3)
    assert image.size == (32, 24)


def plain_clip(form: str, size: tuple[int, int], count: int) -> bytes:
    """Frames of one colour each: a few kilobytes, whatever their size."""
    frames = [Image.new("RGB", size, (40 * number, 0, 0)) for number in range(count)]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=20)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize(("size", "count"), [((2000, 2000), 2), ((1920, 1600), 4)], ids=["each", "together"])
def test_animations_of_too_many_pixels_are_refused_before_they_are_decoded(
    run: Run, form: str, size: tuple[int, int], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*_: object, **__: object) -> Iterator[Frame]:
        raise AssertionError("a frame was decoded")

    monkeypatch.setattr("app.imaging.normalize.read_frames", decoded)
    with pytest.raises(ImageTooLargeError, match=f"{count} frames of {size[0]}x{size[1]}.*: scale it down"):
        run(plain_clip(form, size, count), **MOVING)


def test_as_many_frames_as_may_be_have_room_for_1280_by_720(run: Run) -> None:
    done, image = run(plain_clip("GIF", (1280, 720), 5), **MOVING)
    assert (done.frames, image.size) == (5, (32, 18))


@pytest.mark.parametrize(("count", "duration"), [(6, 10), (3, 500)])
def test_animations_are_bounded_in_frames_and_in_time(run: Run, count: int, duration: int) -> None:
    buffer = BytesIO()
    frames = [picture(32, 32, seed=seed) for seed in range(count)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=duration)
    with pytest.raises(ClipTooLongError, match="5 frames or 1 seconds"):
        run(buffer.getvalue(), **MOVING)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_a_moving_picture_that_is_cut_off_is_named(tmp_path: Path, form: str) -> None:
    frames = [picture(64, 48, seed=seed) for seed in range(3)]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=40)
    (tmp_path / "in").write_bytes(data[: 2 * len(data) // 3])
    limits = replace(LIMITS, **MOVING)  # type: ignore[arg-type]
    with pytest.raises(ImageCorruptError, match=r"^File 2 of `contents` is damaged or cut off \([^/<]*\)"):
        normalize(tmp_path / "in", tmp_path / "out", limits, label="File 2 of `contents`")


def test_a_clip_that_is_too_long_is_not_told_to_get_smaller(run: Run) -> None:
    with pytest.raises(ClipTooLongError, match="5 frames"):
        run(plain_clip("GIF", (1920, 1080), 6), **MOVING)


def test_a_still_is_a_still_also_where_animations_are_allowed(run: Run) -> None:
    done, _ = run(encoded(picture(), "WEBP"), **MOVING)
    assert (done.media_type, done.frames) == ("image/png", 1)
    done, _ = run(encoded(picture(), "GIF"), **MOVING)
    assert (done.media_type, done.frames) == ("image/png", 1)
