"""Clips: read frame by frame, written in four formats, refused when they are too long or damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import ClipTooLongError, ImageCorruptError, ImageFormatUnsupportedError, ImageTooLargeError
from app.imaging import video
from app.imaging.clip_reader import ClipLimits, Frame, format_of, is_moving, read_frames
from app.imaging.clip_writer import write_clip
from app.imaging.formats import ClipFormat, has_video

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]
FORMS = [
    ClipFormat.GIF,
    ClipFormat.WEBP,
    ClipFormat.APNG,
    pytest.param(ClipFormat.MP4, marks=pytest.mark.skipif(not has_video(), reason="no PyAV")),
]


def clip(path: Path, form: ClipFormat, size: tuple[int, int] = (48, 32), milliseconds: int = 80) -> Path:
    frames = (Frame(Image.new("RGB", size, colour), milliseconds) for colour in COLOURS)
    target = path / f"clip{form.suffix}"
    assert write_clip(target, frames, form) == len(COLOURS)
    return target


@pytest.mark.parametrize("form", FORMS)
def test_what_was_written_is_read(tmp_path: Path, form: ClipFormat):
    path = clip(tmp_path, form)
    assert is_moving(path)
    assert format_of(path) is form
    frames = list(read_frames(path))
    assert [frame.image.size for frame in frames] == [(48, 32)] * 4
    assert [frame.milliseconds for frame in frames] == pytest.approx([80] * 4, abs=1)
    for frame, colour in zip(frames, COLOURS, strict=True):
        assert frame.image.mode == "RGB"
        assert np.abs(np.asarray(frame.image, dtype=int).mean((0, 1)) - colour).max() < 12


@pytest.mark.skipif(not has_video(), reason="no PyAV")
def test_a_video_of_odd_sides_loses_a_line(tmp_path: Path):
    path = clip(tmp_path, ClipFormat.MP4, (51, 33))
    assert {frame.image.size for frame in read_frames(path)} == {(50, 32)}


@pytest.mark.skipif(not has_video(), reason="no PyAV")
@pytest.mark.parametrize("shown", [[80.0, 500, 20, 1000], [1000 / 30] * 4, [1001 / 24] * 4, [1000, 20, 20]])
def test_every_frame_of_a_video_is_shown_as_long_as_it_should(tmp_path: Path, shown: list[float]):
    import av

    frames = [
        Frame(Image.new("RGB", (48, 32), colour), each) for colour, each in zip(COLOURS, shown, strict=False)
    ]
    target = tmp_path / "clip.mp4"
    assert write_clip(target, frames, ClipFormat.MP4) == len(shown)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        begins = [1000 * frame.time for frame in container.decode(stream)]
        assert begins == pytest.approx([sum(shown[:i]) for i in range(len(shown))], abs=0.01)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(1000 * stream.duration * stream.time_base) == pytest.approx(sum(shown), abs=0.01)


@pytest.mark.skipif(not has_video(), reason="no PyAV")
@pytest.mark.parametrize("size", [(64, 48), (1280, 720)], ids=str)
def test_a_video_says_how_its_colours_are_meant(tmp_path: Path, size: tuple[int, int]):
    """Players guess where it does not, by the size, and PyAV guesses otherwise."""
    import av

    target = clip(tmp_path, ClipFormat.MP4, size)
    with av.open(str(target)) as container:
        coder = container.streams.video[0].codec_context
        assert (coder.colorspace, coder.color_primaries, coder.color_trc, coder.color_range) == (1, 1, 1, 1)
        raw = next(container.decode(video=0)).to_ndarray(format="yuv420p")
    red, green, blue = (level / 255 for level in COLOURS[0])
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue  # BT.709
    planes = [raw[: size[1]], *np.split(raw[size[1] :].reshape(-1), 2)]
    expected = (16 + 219 * light, 128 + 224 * (blue - light) / 1.8556, 128 + 224 * (red - light) / 1.5748)
    assert [plane.mean() for plane in planes] == pytest.approx(expected, abs=1.5)
    for frame, colour in zip(read_frames(target), COLOURS, strict=True):
        assert np.abs(np.asarray(frame.image, dtype=int).mean((0, 1)) - colour).max() < 4


@pytest.mark.skipif(not has_video(), reason="no PyAV")
def test_a_video_may_be_one_pixel_high(tmp_path: Path):
    path = clip(tmp_path, ClipFormat.MP4, (48, 1))
    for frame, colour in zip(read_frames(path), COLOURS, strict=True):
        assert frame.image.size == (48, 2)
        assert np.abs(np.asarray(frame.image, dtype=int) - colour).max() < 4


def test_transparent_parts_are_white(tmp_path: Path):
    frames = [Image.new("RGBA", (20, 20), (0, 0, 0, 0)), Image.new("RGBA", (20, 20), (9, 9, 9, 255))]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=50, lossless=True)
    first, second = read_frames(tmp_path / "a.webp")
    assert (first.image.getpixel((3, 3)), second.image.getpixel((3, 3))) == ((255, 255, 255), (9, 9, 9))


def test_stills_and_other_files_do_not_move(tmp_path: Path):
    Image.new("RGB", (8, 8)).save(tmp_path / "still.png")
    Image.new("RGB", (8, 8)).save(
        tmp_path / "two.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))]
    )
    (tmp_path / "text.gif").write_text("no picture")
    assert not any(is_moving(tmp_path / name) for name in ("still.png", "two.jpg", "text.gif"))


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (ClipLimits(frames=3), ClipTooLongError),
        (ClipLimits(seconds=0.3), ClipTooLongError),
        (ClipLimits(frame_pixels=48 * 32 - 1), ImageTooLargeError),
    ],
)
def test_limits(tmp_path: Path, limits: ClipLimits, error: type[Exception]):
    with pytest.raises(error, match=r"cut it|scale it down"):
        list(read_frames(clip(tmp_path, ClipFormat.GIF), limits))


@pytest.mark.parametrize("form", FORMS)
def test_damaged_files_say_so(tmp_path: Path, form: ClipFormat):
    path = clip(tmp_path, form)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    says = (
        r"^The video cannot be read \([^\[]*\): send another"
        if form.is_video
        else r"^`a` is damaged or cut off"
    )
    with pytest.raises(ImageCorruptError, match=says):
        list(read_frames(path, label="`a`"))


def test_videos_without_pyav_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise ImportError(name)

    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(40))
    monkeypatch.setattr(video, "import_module", missing)
    with pytest.raises(ImageFormatUnsupportedError, match=r"fewstroke\[video\]"):
        next(read_frames(tmp_path / "clip.mp4"))
