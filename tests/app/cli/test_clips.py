"""``fewstroke stylize`` on clips."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from app.imaging.clip_reader import ClipLimits, Frame, format_of, plays_of, read_frames
from app.imaging.clip_writer import write_clip
from app.imaging.formats import ClipFormat, has_video
from tests.app.imaging.made import video
from tests.support.fake_engine import BASE_HASH
from tests.support.fake_worker import style_bytes

VIDEO = pytest.mark.skipif(not has_video(), reason="no PyAV")
COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "hokusai.safetensors"
    path.write_bytes(style_bytes(BASE_HASH))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "loop.gif"
    write_clip(path, (Frame(Image.new("RGB", (48, 32), colour), 120) for colour in COLOURS), ClipFormat.GIF)
    return path


def test_a_clip_keeps_its_format_its_frames_and_its_pace(
    run, engine, clip: Path, style: Path, tmp_path: Path
):
    out = tmp_path / "out"
    still = tmp_path / "photo.png"
    Image.new("RGB", (40, 30)).save(still)
    result = run("stylize", still, clip, "--style", style, "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(out / "photo.hokusai.png"), str(out / "loop.hokusai.gif")]
    frames = list(read_frames(out / "loop.hokusai.gif"))
    assert [frame.milliseconds for frame in frames] == [120] * 3
    for frame, colour in zip(frames, COLOURS, strict=True):
        wanted = tuple(255 - level for level in colour)
        assert frame.image.getpixel((5, 5)) == pytest.approx(wanted, abs=4)


def test_the_target_or_the_option_says_the_format(run, engine, clip: Path, style: Path, tmp_path: Path):
    assert run("stylize", clip, "-s", style, "-o", tmp_path / "a.webp", "--size", 24).exit_code == 0
    with Image.open(tmp_path / "a.webp") as made:
        assert (made.format, made.size, getattr(made, "n_frames", 1)) == ("WEBP", (24, 16), 3)
    result = run("stylize", clip, "-s", style, "-o", tmp_path, "--format", "jpeg")
    assert result.exit_code == 3
    assert "cannot hold a clip" in result.stderr


def test_a_clip_that_is_damaged_leaves_nothing(run, engine, clip: Path, style: Path, tmp_path: Path):
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])
    result = run("stylize", clip, "-s", style, "-o", tmp_path / "out" / "a.webp")
    assert result.exit_code == 3
    assert "save it again" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_the_clip_is_never_overwritten(run, engine, clip: Path, style: Path):
    result = run("stylize", clip, "-s", style, "-o", clip)
    assert result.exit_code == 3
    assert "would be overwritten" in result.stderr


def test_results_of_one_name_do_not_overwrite_each_other(
    run, engine, clip: Path, style: Path, tmp_path: Path
):
    """Clips among themselves, and a photo and a clip that both become PNG."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "loop.gif").write_bytes(clip.read_bytes())
    Image.new("RGB", (40, 30)).save(other / "loop.png")
    out = tmp_path / "out"
    result = run(
        "stylize", clip, other / "loop.gif", other / "loop.png", "-s", style, "-o", out, "--format", "png"
    )
    assert result.exit_code == 0, result.output
    names = ["loop.hokusai.png", "loop.hokusai-2.png", "loop.hokusai-3.png"]
    assert result.stdout.split() == [str(out / name) for name in names]
    moving = []
    for name in names:
        with Image.open(out / name) as image:
            moving.append(getattr(image, "n_frames", 1))
    assert moving == [1, 3, 3]


@pytest.mark.parametrize("name", ["out.jpg", "out.tiff"])
def test_a_file_that_cannot_hold_a_clip_is_no_folder(
    run, engine, clip: Path, style: Path, tmp_path: Path, name: str
):
    result = run("stylize", clip, "-s", style, "-o", tmp_path / name)
    assert result.exit_code == 3
    assert "cannot hold a clip: give a folder, or a name in .gif" in result.stderr
    assert not (tmp_path / name).exists()
    assert engine.loaded == []


@pytest.mark.parametrize(
    ("form", "frames", "milliseconds"),
    [
        (ClipFormat.GIF, 151, 20),
        (ClipFormat.WEBP, 151, 20),
        pytest.param(ClipFormat.MP4, 151, 20, marks=VIDEO),
        pytest.param(ClipFormat.MP4, 17, 1000, marks=VIDEO),
    ],
)
def test_a_clip_that_is_too_long_is_refused_before_the_model_is_loaded(
    run, engine, style: Path, tmp_path: Path, form: ClipFormat, frames: int, milliseconds: int
):
    path = tmp_path / f"long{form.suffix}"
    write_clip(
        path,
        (Frame(Image.new("RGB", (16, 16), (i % 2 * 255, 0, 0)), milliseconds) for i in range(frames)),
        form,
    )
    result = run("stylize", path, "-s", style, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert f"{path} has more than 150 frames or 15 seconds: cut it" in result.stderr
    assert engine.loaded == []


@VIDEO
def test_a_video_as_long_as_may_be_is_rendered(run, engine, style: Path, tmp_path: Path):
    path = tmp_path / "clip.mp4"
    write_clip(path, (Frame(Image.new("RGB", (16, 16)), 1000) for _ in range(15)), ClipFormat.MP4)
    assert run("stylize", path, "-s", style, "-o", tmp_path / "out").exit_code == 0


def test_the_help_says_how_long_clips_may_be(run):
    said = " ".join(run("stylize", "--help").stdout.split())
    limits = ClipLimits()
    assert f"FEWSTROKE_MAX_CLIP_FRAMES ({limits.frames})" in said
    assert f"FEWSTROKE_MAX_CLIP_SECONDS ({limits.seconds:g})" in said


def test_a_setting_says_how_long_clips_may_be(
    run, engine, clip: Path, style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FEWSTROKE_MAX_CLIP_FRAMES", "2")
    result = run("stylize", clip, "-s", style, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "more than 2 frames" in result.stderr


@pytest.mark.parametrize("kind", ["gif", "webp", "apng", pytest.param("mp4", marks=VIDEO)])
def test_a_clip_that_is_done_is_not_rendered_again(
    run, engine, clip: Path, style: Path, tmp_path: Path, kind: str
):
    arguments = ("stylize", clip, "-s", style, "-o", tmp_path / "out", "--format", kind)
    for again in (False, True):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        assert len(engine.stylized) == len(COLOURS)
        assert ("made from the same" in result.stderr) is again
    dials = {"strength": 0.5, "abstraction": 0.75, "stroke_size": 2.0}
    assert (
        run(*arguments, *(f"--{name.replace('_', '-')}={value}" for name, value in dials.items())).exit_code
        == 0
    )
    assert {name: engine.stylized[-1][name] for name in dials} == dials
    assert len(engine.stylized) == 2 * len(COLOURS)


def test_a_damaged_clip_costs_only_itself(run, engine, clip: Path, style: Path, tmp_path: Path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    cut = tmp_path / "cut.gif"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    result = run("stylize", bad, cut, clip, "-s", style, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["loop.hokusai.gif"]
    for path in (bad, cut):
        assert f"error: {path}" in result.stderr


@VIDEO
@pytest.mark.parametrize("name", ["v.mp4", "v.m4v", "v.mov", "v.mkv", "v.webm"])
def test_a_video_is_what_its_name_says(run, engine, clip: Path, style: Path, tmp_path: Path, name: str):
    result = run("stylize", clip, "-s", style, "-o", tmp_path / name)
    assert result.exit_code == 0, result.output
    form = ClipFormat.MP4 if name == "v.m4v" else ClipFormat(name.partition(".")[2])
    assert format_of(tmp_path / name) is form
    assert len(list(read_frames(tmp_path / name))) == 3
    other = run("stylize", clip, "-s", style, "-o", tmp_path / name, "--format", "gif")
    assert other.exit_code == 3
    assert "is no name for a gif" in other.stderr


@VIDEO
def test_sound_is_kept_or_its_loss_is_said(run, engine, style: Path, tmp_path: Path):
    import av

    path = video(tmp_path / "talk.mp4", COLOURS, [0, 100, 200], sound="aac")
    result = run("stylize", path, "-s", style, "-o", tmp_path / "out.mp4")
    assert (result.exit_code, result.stderr.count("sound")) == (0, 0)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio
    for name in ("out.gif", "out.webm"):
        result = run("stylize", path, "-s", style, "-o", tmp_path / name)
        assert result.exit_code == 0, result.output
        assert f"{path} has sound that a {name.partition('.')[2]} cannot hold" in result.stderr


@VIDEO
def test_a_video_with_the_name_of_an_animation_is_played(run, engine, style: Path, tmp_path: Path):
    path = video(tmp_path / "a.mp4", COLOURS, [0, 100, 200]).rename(tmp_path / "clip.gif")
    result = run("stylize", path, "-s", style, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    made = tmp_path / "out" / "clip.hokusai.mp4"
    assert len(list(read_frames(made))) == 3


@pytest.mark.parametrize("form", [ClipFormat.GIF, ClipFormat.WEBP, ClipFormat.APNG])
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_a_clip_is_played_as_often_as_before(
    run, engine, style: Path, tmp_path: Path, form: ClipFormat, plays: int
):
    path = tmp_path / f"clip{form.suffix}"
    frames = (Frame(Image.new("RGB", (48, 32), colour), 120) for colour in COLOURS)
    write_clip(path, frames, form, plays=plays)
    for kind in ("gif", "webp", "apng"):
        out = tmp_path / kind
        assert run("stylize", path, "-s", style, "-o", out, "--format", kind).exit_code == 0
        (made,) = out.iterdir()
        assert plays_of(made) == plays
    if (form, plays) == (ClipFormat.GIF, 1):
        assert b"NETSCAPE" not in path.read_bytes()
