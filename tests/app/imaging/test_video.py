"""Videos, as players show them: times, colours, turns, pixels that are not square, sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import ClipTooLongError
from app.imaging.audio import is_lost
from app.imaging.clip_reader import ClipLimits, Frame, check_length, format_of, read_frames
from app.imaging.clip_writer import write_clip
from app.imaging.formats import ClipFormat, has_video
from tests.app.imaging.made import plain, video, with_matrix

pytestmark = pytest.mark.skipif(not has_video(), reason="no PyAV")

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (30, 200, 200)]
VIDEOS = [ClipFormat.MP4, ClipFormat.MOV, ClipFormat.MKV, ClipFormat.WEBM]
UNEVEN = [0, 120, 1600, 1720, 2000]


def times(path: Path) -> tuple[list[float], float]:
    """When a player shows each frame, and when the last one ends, in ms."""
    import av

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        begins = [1000 * float(frame.pts * frame.time_base) for frame in frames]  # type: ignore[operator]
        last = frames[-1]
        return begins, begins[-1] + 1000 * float(last.duration * last.time_base)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov"])
@pytest.mark.parametrize("b_frames", ["0", "3"])
def test_frames_are_shown_when_they_were(tmp_path: Path, name: str, b_frames: str) -> None:
    path = video(tmp_path / name, COLOURS, UNEVEN, bf=b_frames)
    shown = [frame.milliseconds for frame in read_frames(path)]
    assert shown == pytest.approx([120, 1480, 120, 280, 40], abs=1)


@pytest.mark.parametrize("form", VIDEOS)
@pytest.mark.parametrize("count", [5, 60])
def test_what_is_written_lasts_as_long(tmp_path: Path, form: ClipFormat, count: int) -> None:
    """And is what its name says, whatever the encoder would like."""
    shown = [(40.0, 20.0, 500.0, 33.0, 70.0)[number % 5] for number in range(count)]
    path = tmp_path / f"a{form.suffix}"
    frames = (
        Frame(Image.new("RGB", (64, 48), COLOURS[number % 5]), shown[number]) for number in range(count)
    )
    assert write_clip(path, frames, form) == count
    assert format_of(path) is form
    begins, ends = times(path)
    assert begins == pytest.approx([sum(shown[:i]) for i in range(count)], abs=1)
    if form is not ClipFormat.WEBM:
        assert ends == pytest.approx(sum(shown), abs=1)
    read = list(read_frames(path))
    assert [frame.milliseconds for frame in read[:-1]] == pytest.approx(shown[:-1], abs=2)
    for frame, colour in zip(read, COLOURS * 12, strict=False):
        assert np.abs(np.asarray(frame.image, dtype=int).mean((0, 1)) - colour).max() < 6


def test_the_parts_of_a_file_last_as_long_as_the_clip(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mp4"
    shown = [(40.0, 20.0, 500.0)[number % 3] for number in range(30)]
    moving = (Frame(Image.effect_noise((64, 48), 40).convert("RGB"), each) for each in shown)
    write_clip(path, moving, ClipFormat.MP4)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    lasts = [float((packet.duration or 0) * packet.time_base) for packet in packets]
    assert 1000 * sum(lasts) == pytest.approx(sum(shown), abs=0.1)


@pytest.mark.parametrize(
    ("milliseconds", "limits", "refused"),
    [
        (UNEVEN, ClipLimits(seconds=1.9), True),
        (UNEVEN, ClipLimits(seconds=2.1), False),
        ([0, 10, 20, 30, 40], ClipLimits(frames=4), True),
        ([0, 10, 20, 30, 40], ClipLimits(frames=5), False),
        ([0, 4500, 9000, 13_500, 14_960], ClipLimits(), False),
    ],
)
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_limits_count_frames_and_their_times(
    tmp_path: Path, name: str, milliseconds: list[int], limits: ClipLimits, refused: bool
) -> None:
    path = video(tmp_path / name, COLOURS, milliseconds)
    if not refused:
        check_length(path, limits)
        assert len(list(read_frames(path, limits))) == 5
        return
    with pytest.raises(ClipTooLongError):
        check_length(path, limits)
    with pytest.raises(ClipTooLongError):
        list(read_frames(path, limits))


@pytest.mark.parametrize(
    ("aspect", "shown"), [(Fraction(2), (128, 48)), (Fraction(8, 9), (57, 48)), (Fraction(16, 15), (68, 48))]
)
def test_pixels_become_square(tmp_path: Path, aspect: Fraction, shown: tuple[int, int]) -> None:
    path = video(tmp_path / "a.mp4", COLOURS[:2], [0, 100], aspect=aspect)
    assert {frame.image.size for frame in read_frames(path)} == {shown}


MATRICES = {
    "as it is": ((1, 0, 0, 1), lambda image: image),
    "mirrored": ((-1, 0, 0, 1), lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "upside down": ((-1, 0, 0, -1), lambda image: image.transpose(Image.Transpose.ROTATE_180)),
    "flipped": ((1, 0, 0, -1), lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)),
    "to the right": ((0, 1, -1, 0), lambda image: image.transpose(Image.Transpose.ROTATE_270)),
    "to the left": ((0, -1, 1, 0), lambda image: image.transpose(Image.Transpose.ROTATE_90)),
    "right and mirrored": ((0, 1, 1, 0), lambda image: image.transpose(Image.Transpose.TRANSPOSE)),
    "left and mirrored": ((0, -1, -1, 0), lambda image: image.transpose(Image.Transpose.TRANSVERSE)),
}


@pytest.mark.parametrize("how", MATRICES)
def test_frames_are_turned_and_mirrored_by_the_display_matrix(tmp_path: Path, how: str) -> None:
    matrix, turn = MATRICES[how]
    stored = Image.new("RGB", (64, 48), "white")
    stored.paste((200, 30, 30), (0, 0, 16, 16))
    path = tmp_path / "a.mp4"
    write_clip(path, [Frame(stored, 100.0)] * 2, ClipFormat.MP4)
    with_matrix(path, matrix)
    for frame in read_frames(path):
        expected = np.asarray(turn(stored), dtype=int)
        assert frame.image.size == turn(stored).size
        assert np.abs(np.asarray(frame.image, dtype=int) - expected).mean() < 4


def signal(light: np.ndarray, curve: int) -> np.ndarray:
    """Light of a screen, 1 being graphic white (203 cd/m²), to HLG or PQ."""
    if curve == 16:
        y = (light * 203 / 10_000) ** 0.1593017578125
        return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
    screen = light * 0.203
    scene = screen * (screen @ [0.2627, 0.6780, 0.0593]) ** (1 / 1.2 - 1)  # BT.2100
    bright = 0.17883277 * np.log(np.maximum(12 * scene, 1) - 0.28466892) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


@pytest.mark.parametrize("curve", [16, 18], ids=["PQ", "HLG"])
@pytest.mark.parametrize("colour", [(220, 30, 30), (30, 160, 90), (128, 128, 128)])
def test_high_dynamic_range_becomes_srgb(tmp_path: Path, curve: int, colour: tuple[int, ...]) -> None:
    levels = np.array(colour) / 255
    light = TO_BT2020 @ np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    deep = [round(65535 * value) for value in signal(light, curve)]
    path = video(tmp_path / "a.mov", [deep, deep], [0, 100], says=(9, curve, 9))
    for frame in read_frames(path):
        assert frame.image.getpixel((20, 20)) == pytest.approx(colour, abs=4)


def test_high_dynamic_range_with_transparent_parts(tmp_path: Path) -> None:
    import av

    path, light = tmp_path / "a.mkv", TO_BT2020 @ np.array([0.5, 0.1, 0.02])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva444p10le"
        coder = stream.codec_context
        coder.color_primaries, coder.color_trc, coder.colorspace, coder.color_range = 9, 18, 9, 1
        for alpha in (65535, 32768):
            values = plain((64, 48), [*(round(65535 * each) for each in signal(light, 18)), alpha], np.uint16)
            picture = av.VideoFrame.from_ndarray(values, format="rgba64le")
            container.mux(stream.encode(picture.reformat(format=stream.pix_fmt, dst_colorspace=9)))
        container.mux(stream.encode(None))
    whole, half = (np.array(frame.image.getpixel((20, 20))) for frame in read_frames(path))
    assert whole == pytest.approx([188, 89, 39], abs=4)
    assert half == pytest.approx((whole + 255) / 2, abs=4)


def test_other_primaries_become_those_of_srgb(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mov", [(200, 100, 100)] * 2, [0, 100], says=(12, 1, 1))  # Display P3
    found = next(read_frames(path)).image.getpixel((20, 20))
    assert found == pytest.approx((212, 95, 97), abs=4)


@pytest.mark.parametrize(("size", "matrix"), [((1280, 720), 1), ((640, 480), 5)], ids=str)
def test_colours_of_videos_that_say_nothing_go_by_the_size(
    tmp_path: Path, size: tuple[int, int], matrix: int
) -> None:
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        picture = av.VideoFrame.from_ndarray(plain(size, [200, 30, 30]), format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace=matrix)
        picture.colorspace = 2
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert next(read_frames(path)).image.getpixel((20, 20)) == pytest.approx((200, 30, 30), abs=4)


@pytest.mark.parametrize(
    ("name", "sound", "form"),
    [
        ("a.mp4", "aac", ClipFormat.MP4),
        ("a.mov", "aac", ClipFormat.MOV),
        ("a.mp4", "aac", ClipFormat.MKV),
        ("a.mkv", "libopus", ClipFormat.WEBM),
    ],
)
def test_sound_is_copied(tmp_path: Path, name: str, sound: str, form: ClipFormat) -> None:
    import av

    path = video(tmp_path / name, COLOURS, [0, 100, 200, 300, 400], sound=sound)
    assert not is_lost(path, form)
    target = tmp_path / f"made{form.suffix}"
    write_clip(target, read_frames(path), form, sound=path)

    def heard(file: Path) -> list[bytes]:
        with av.open(str(file)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    kept, whole = heard(target), heard(path)
    assert len(kept) >= len(whole) - 2
    assert set(kept) <= set(whole), "as it was, and not encoded anew"
    assert times(target)[0] == pytest.approx([0, 100, 200, 300, 400], abs=1)


def test_formats_that_cannot_hold_the_sound(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", COLOURS[:2], [0, 100], sound="aac")
    assert [form for form in ClipFormat if is_lost(path, form)] == [
        ClipFormat.GIF,
        ClipFormat.WEBP,
        ClipFormat.APNG,
        ClipFormat.WEBM,
    ]
    silent = video(tmp_path / "b.mp4", COLOURS[:2], [0, 100])
    assert not any(is_lost(silent, form) for form in ClipFormat)


def test_a_picture_of_what_is_heard_is_not_the_video(tmp_path: Path) -> None:
    import av

    path, clip = tmp_path / "a.mkv", video(tmp_path / "b.mkv", COLOURS, [0, 40, 80, 120, 160])
    with av.open(str(path), "w") as container, av.open(str(clip)) as source:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        copied = container.add_stream_from_template(source.streams.video[0])
        picture = av.VideoFrame.from_ndarray(plain((32, 32), [9, 9, 9]), format="rgb24")
        container.mux(cover.encode(picture.reformat(format="yuvj420p")))
        container.mux(cover.encode(None))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copied
                container.mux(packet)
    assert [frame.image.size for frame in read_frames(path)] == [(64, 48)] * 5


@pytest.mark.parametrize("name", ["a.avi", "a.ts", "a.mkv", "a.mp4"])
def test_videos_are_known_by_their_bytes(tmp_path: Path, name: str) -> None:
    path = video(tmp_path / name, COLOURS, [0, 40, 80, 120, 160], bf="0").rename(tmp_path / "clip.gif")
    assert format_of(path) in VIDEOS
    assert len(list(read_frames(path))) == 5
