"""Animations, as browsers show them: which frames there are, what they cover, colours, turns and times."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import ImageCorruptError
from app.imaging.clip_reader import Frame, check_length, format_of, is_moving, plays_of, read_frames
from app.imaging.clip_writer import write_clip
from app.imaging.formats import ClipFormat
from app.imaging.limits import Ground, Limits, Normalized
from app.imaging.normalize import normalize
from tests.app.imaging.made import RGB, RGB_PROFILE, control, frame, gif, iccp, plain, png
from tests.support.pictures import encoded, picture

SIZE = (40, 30)
WHITE = (255, 255, 255)
LIMITS = Limits(16, 8192, 52_000_000, 2048, Ground.KEPT, frames=20, seconds=10.0, clip_side=640)


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[bytes], Normalized]:
    """What becomes of an upload, in ``tmp_path / "kept"``."""

    def kept(data: bytes) -> Normalized:
        (tmp_path / "in").write_bytes(data)
        return normalize(tmp_path / "in", tmp_path / "kept", LIMITS)

    return kept


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def colours(path: Path, *points: tuple[int, int]) -> list[list[tuple[int, ...]]]:
    return [[each.image.getpixel(point) for point in points] for each in read_frames(path)]  # type: ignore[misc]


def with_fallback(frames: int) -> bytes:
    """Its pixels are red, and no frame; the frames are green and blue, and the first is smaller."""
    shades = [(0, 200, 0), (0, 0, 200)]
    rest = []
    for number in range(frames):
        size = (20, 30) if number == 0 else SIZE
        rest += [control(2 * number, size, over=1), frame(2 * number + 1, plain(size, shades[number]))]
    return png(plain(SIZE, [200, 0, 0]), RGB, (b"acTL", struct.pack(">2I", frames, 0)), rest=rest)


def test_the_picture_for_programs_without_animation_is_no_frame(tmp_path: Path, kept) -> None:
    path = written(tmp_path / "a.png", with_fallback(2))
    assert is_moving(path)
    assert colours(path, (5, 5), (35, 5)) == [[(0, 200, 0), WHITE], [(0, 0, 200), (0, 0, 200)]]
    assert kept(with_fallback(2)).frames == 2


def test_one_frame_and_such_a_picture_do_not_move(tmp_path: Path, kept) -> None:
    path = written(tmp_path / "a.png", with_fallback(1))
    assert not is_moving(path)
    done = kept(with_fallback(1))
    assert (done.media_type, done.frames) == ("image/png", 1)
    with Image.open(tmp_path / "kept") as image:
        assert image.getpixel((5, 5)) == (0, 200, 0, 255), "browsers show the frame"
        assert image.getpixel((35, 5))[3] == 0  # type: ignore[index]


def turned_webp(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    other = Image.new("RGB", image.size)
    return encoded(
        image, "WEBP", save_all=True, append_images=[other], duration=100, lossless=True, exif=exif,
        icc_profile=RGB_PROFILE,
    )  # fmt: skip


def turned_png(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    size = image.size
    rest = [control(1, size), frame(2, plain(size, [0, 0, 0]))]
    chunks = [(b"acTL", struct.pack(">2I", 2, 0)), (b"eXIf", exif.tobytes(8)), iccp(RGB_PROFILE)]
    return png(np.asarray(image), RGB, *chunks, control(0, size), rest=rest)


STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
}


@pytest.mark.parametrize("make", [turned_webp, turned_png])
@pytest.mark.parametrize("orientation", STORED)
def test_frames_are_turned_upright_and_brought_to_srgb(
    tmp_path: Path, kept, make: Callable[[Image.Image, int], bytes], orientation: int
) -> None:
    upright = Image.new("RGB", (48, 32), (61, 61, 61))
    upright.paste((0, 61, 0), (0, 0, 24, 16))
    data = make(upright.transpose(STORED[orientation]), orientation)
    first, _ = read_frames(written(tmp_path / "a.bin", data))
    assert first.image.size == (48, 32)
    assert first.image.getpixel((5, 5)) == pytest.approx((0, 134, 0), abs=2)
    assert first.image.getpixel((40, 25)) == pytest.approx((134, 134, 134), abs=2)
    done = kept(data)
    assert (done.width, done.height, done.frames) == (48, 32, 2)
    first, _ = read_frames(tmp_path / "kept")
    assert first.image.getpixel((5, 5)) == pytest.approx((0, 134, 0), abs=8)


def small_webp() -> bytes:
    """An animation without alpha whose frames cover a part of the picture: each chunk ANMF has a place."""
    still = encoded(Image.new("RGB", (16, 16), (200, 0, 0)), "WEBP", lossless=True)[12:]
    place = bytes([10, 0, 0, 4, 0, 0])  # half of x and of y
    size = bytes([15, 0, 0, 15, 0, 0])  # less one
    anmf = place + size + bytes([100, 0, 0, 2]) + still
    body = b"VP8X\x0a\0\0\0\x02\0\0\0\x27\0\0\x1d\0\0" + b"ANIM\x06\0\0\0\0\0\0\0\x01\0"
    body += (b"ANMF" + struct.pack("<I", len(anmf)) + anmf) * 2
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def small_png() -> bytes:
    """The second frame clears what it drew, and a third draws over the rest."""
    actl = (b"acTL", struct.pack(">2I", 3, 0))
    rest = [
        control(1, (16, 16), (20, 8), after=1),
        frame(2, plain((16, 16), [200, 0, 0])),
        control(3, (4, 4), (0, 0)),
        frame(4, plain((4, 4), [0, 0, 200])),
    ]
    return png(plain(SIZE, [0, 200, 0]), RGB, actl, control(0, SIZE), rest=rest)


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def test_what_no_frame_covers_is_white(tmp_path: Path) -> None:
    path = written(tmp_path / "a.webp", small_webp())
    assert colours(path, (2, 2), (25, 12)) == [[WHITE, (200, 0, 0)]] * 2
    path = written(tmp_path / "a.png", small_png())
    assert colours(path, (38, 2), (25, 12)) == [
        [(0, 200, 0), (0, 200, 0)],
        [(0, 200, 0), (200, 0, 0)],
        [(0, 200, 0), WHITE],
    ]
    path = written(tmp_path / "a.gif", gif(SIZE, (1, (20, 8, 36, 24), 2), (2, (0, 0, 8, 8), 1)))
    assert colours(path, (2, 2), (25, 12)) == [[WHITE, RED], [GREEN, WHITE]]
    path = written(
        tmp_path / "b.gif", gif(SIZE, (1, (0, 0, *SIZE), 1), (2, (0, 0, 8, 8), 3), (3, (30, 0, 40, 8), 1))
    )
    assert colours(path, (2, 2), (35, 2)) == [[RED, RED], [GREEN, RED], [RED, BLUE]]


def test_a_still_gif_that_covers_a_part(kept, tmp_path: Path) -> None:
    done = kept(gif(SIZE, (1, (20, 8, 36, 24), 0)))
    assert (done.media_type, done.frames) == ("image/png", 1)
    with Image.open(tmp_path / "kept") as image:
        assert image.getpixel((25, 12)) == (*RED, 255)
        assert image.getpixel((2, 2))[3] == 0  # type: ignore[index]


def test_frames_that_leave_the_picture(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gif", gif(SIZE, (1, (0, 0, *SIZE), 1), (2, (35, 25, 51, 41), 1)))
    assert colours(path, (2, 2), (38, 28))[1] == [RED, GREEN]
    path = written(tmp_path / "b.gif", gif(SIZE, (1, (0, 0, *SIZE), 1), (2, (0, 0, 60, 8), 1)))
    with pytest.raises(ImageCorruptError, match="60x8 in 40x30"):
        list(read_frames(path))


@pytest.mark.parametrize("form", [ClipFormat.GIF, ClipFormat.WEBP, ClipFormat.APNG])
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_what_is_kept_is_played_as_often(tmp_path: Path, kept, form: ClipFormat, plays: int) -> None:
    path = tmp_path / "clip"
    frames = (Frame(picture(seed=seed), 100) for seed in range(2))
    write_clip(path, frames, form, plays=plays)
    assert kept(path.read_bytes()).frames == 2
    assert plays_of(tmp_path / "kept") == plays


@pytest.mark.parametrize("milliseconds", [1000 / 30, 1000 / 60, 12.5, 80])
@pytest.mark.parametrize("form", [ClipFormat.GIF, ClipFormat.WEBP, ClipFormat.APNG])
def test_animations_keep_the_pace_of_a_video(tmp_path: Path, form: ClipFormat, milliseconds: float) -> None:
    """They count in hundredths or thousandths, and what is lost of a frame is given to the next."""
    path = tmp_path / "clip"
    write_clip(path, (Frame(picture(seed=seed), milliseconds) for seed in range(30)), form)
    with Image.open(path) as image:
        shown = []
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            image.load()
            shown.append(image.info["duration"])
    assert sum(shown) == pytest.approx(30 * milliseconds, abs=10 if form is ClipFormat.GIF else 1)
    if form is ClipFormat.GIF:
        assert min(shown) >= 20, "browsers show shorter ones for 100 ms"


def test_frames_of_no_time_are_shown_as_browsers_do(tmp_path: Path) -> None:
    buffer = BytesIO()
    images = [picture(seed=seed) for seed in range(3)]
    images[0].save(
        buffer, "WEBP", save_all=True, append_images=images[1:], duration=[0, 10, 20], lossless=True
    )
    path = written(tmp_path / "a.webp", buffer.getvalue())
    assert [each.milliseconds for each in read_frames(path)] == [100, 100, 20]


def test_names_do_not_say_what_a_file_is(tmp_path: Path) -> None:
    moving = written(tmp_path / "a.mp4", gif(SIZE, (1, (0, 0, *SIZE), 1), (2, (0, 0, 8, 8), 1)))
    assert (is_moving(moving), format_of(moving)) == (True, ClipFormat.GIF)
    assert len(list(read_frames(moving))) == 2
    check_length(moving)
    still = written(tmp_path / "b.mp4", encoded(picture()))
    assert not is_moving(still)
