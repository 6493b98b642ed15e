"""``fewstroke stylize``."""

from __future__ import annotations

import errno
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

from app.cli.common import InputError, about
from app.provenance.label import Label
from model.image.dials import Dials
from tests.support.fake_engine import BASE_HASH
from tests.support.fake_worker import style_bytes
from tests.support.pictures import encoded


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "hokusai.safetensors"
    path.write_bytes(style_bytes(BASE_HASH))
    return path


def test_results_are_named_after_photo_and_style(run, engine, pictures: Path, style: Path, tmp_path: Path):
    out = tmp_path / "out"
    result = run("stylize", pictures, "--style", style, "-o", out)
    assert result.exit_code == 0, result.output
    names = ["a.hokusai.png", "b.hokusai.png", "c.hokusai.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert result.stdout.split() == [str(out / name) for name in names]
    with Image.open(out / "a.hokusai.png") as image:
        assert image.getpixel((0, 0)) == (255, 127, 127)  # teal, as the scripted engine paints it


def test_results_beside_the_photos_are_not_rendered_again(run, engine, pictures: Path, style: Path):
    for _ in range(2):
        result = run("stylize", pictures, "-s", style, "-o", pictures)
        assert result.exit_code == 0, result.output
        assert len(list(pictures.glob("*.hokusai.png"))) == 3
    assert "3 results of earlier runs" in result.stderr
    assert list(pictures.glob("*.hokusai.hokusai.png")) == []
    named = pictures / "a.hokusai.png"
    assert run("stylize", named, "-s", style, "-o", pictures).exit_code == 0, "who names it, means it"
    assert (pictures / "a.hokusai.hokusai.png").is_file()


def test_folders_with_nothing_but_results(run, engine, pictures: Path, style: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert run("stylize", pictures, "-s", style, "-o", out).exit_code == 0
    result = run("stylize", out, "-s", style, "-o", out)
    assert (result.exit_code, "only results of earlier runs" in result.stderr) == (3, True)
    assert run("stylize", out, "-s", style, "-o", tmp_path / "again").exit_code == 0


def test_one_photo_can_go_to_a_file_whose_suffix_is_its_format(run, engine, pictures, style, tmp_path: Path):
    target = tmp_path / "new" / "me.webp"
    result = run("stylize", pictures / "a.png", "-s", style, "-o", target, "--size", 32)
    assert result.exit_code == 0, result.output
    with Image.open(target) as image:
        assert (image.format, image.size) == ("WEBP", (32, 21))


def test_the_format_can_be_named(run, engine, pictures, style, tmp_path: Path):
    assert run("stylize", pictures / "a.png", "-s", style, "-o", tmp_path, "--format", "jpg").exit_code == 0
    with Image.open(tmp_path / "a.hokusai.jpg") as image:
        assert image.format == "JPEG"


def test_alpha_is_kept(run, engine, style, tmp_path: Path):
    Image.new("RGBA", (40, 40), (255, 0, 0, 77)).save(tmp_path / "glass.png")
    assert run("stylize", tmp_path / "glass.png", "-s", style, "-o", tmp_path).exit_code == 0
    with Image.open(tmp_path / "glass.hokusai.png") as image:
        assert image.getchannel("A").getextrema() == (77, 77)


def test_what_is_half_transparent_is_not_mixed_with_white(run, engine, style, tmp_path: Path):
    glass = Image.new("RGBA", (40, 40), (200, 30, 30, 128))
    glass.paste((0, 0, 0, 0), (0, 0, 20, 40))
    glass.save(tmp_path / "glass.png")
    assert run("stylize", tmp_path / "glass.png", "-s", style, "-o", tmp_path).exit_code == 0
    with Image.open(tmp_path / "glass.hokusai.png") as image:
        assert image.getpixel((30, 5)) == (55, 225, 225, 128), "as the engine paints its colour"
        hidden = pytest.approx((55, 225, 225, 0), abs=2)
        assert image.getpixel((5, 5)) == hidden, "no rim when it is enlarged"


@pytest.mark.parametrize(("name", "form"), [("a.jpg", "png"), ("a.png", "webp"), ("a.webp", "jpeg")])
def test_a_name_and_a_format_that_differ_are_refused(
    run, engine, pictures: Path, style: Path, tmp_path: Path, name: str, form: str
):
    photo = pictures / "a.png"
    result = run("stylize", photo, "-s", style, "-o", tmp_path / name, "--format", form)
    assert result.exit_code == 3
    assert f"{tmp_path / name} is no name for a {form}" in result.stderr
    assert engine.loaded == []


def test_photos_of_one_name_do_not_overwrite_each_other(run, engine, style, tmp_path: Path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (32, 32)).save(tmp_path / folder / "x.png")
    result = run("stylize", tmp_path / "one", tmp_path / "two", "-s", style, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["x.hokusai-2.png", "x.hokusai.png"]


def test_photos_are_drawn_as_asked_for(run, engine, pictures: Path, style: Path, tmp_path: Path):
    photo = pictures / "a.png"
    arguments = ["stylize", photo, "-s", style, "-o", tmp_path / "out.png"]
    asked = ["--strength", "0.5", "--abstraction", "0.7", "--stroke-size", "2.5"]
    for options, expected in ([], Dials()), (asked, Dials(0.5, 0.7, 2.5)):
        result = run(*arguments, *options)
        assert result.exit_code == 0, result.output
        assert {name: engine.stylized[-1][name] for name in asdict(expected)} == asdict(expected)
    for wrong in (
        ["--stroke-size", "0.2"],
        ["--stroke-size", "4.5"],
        ["--abstraction", "1.1"],
        ["--strength", "2"],
    ):
        assert run(*arguments, *wrong).exit_code == 2


def test_the_photo_is_never_overwritten(run, engine, pictures: Path, style: Path):
    photo = pictures / "a.png"
    before = photo.read_bytes()
    result = run("stylize", photo, "-s", style, "-o", photo)
    assert result.exit_code == 3
    assert "would be overwritten" in result.stderr
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "bmp"], "use png, jpeg or webp"),
        (["-o", "one.png"], "do not fit in one file"),
    ],
)
def test_impossible_outputs_are_refused_before_the_model_is_loaded(
    run, engine, pictures: Path, style: Path, arguments: list[str], says: str
):
    result = run("stylize", pictures, "-s", style, *arguments)
    assert result.exit_code == 3
    assert says in result.stderr
    assert engine.loaded == []


@pytest.mark.parametrize("name", ["res.tiff", "res.mp4"])
def test_a_file_that_cannot_hold_a_photo_is_no_folder(
    run, engine, pictures: Path, style: Path, tmp_path: Path, name: str
):
    result = run("stylize", pictures / "a.png", "-s", style, "-o", tmp_path / name)
    assert result.exit_code == 3
    assert "cannot hold a photo: give a folder, or a name in .png" in result.stderr
    assert not (tmp_path / name).exists()


def test_a_style_of_another_base_is_refused(run, engine, pictures: Path, tmp_path: Path):
    other = tmp_path / "other.safetensors"
    other.write_bytes(style_bytes("ab" * 32))
    result = run("stylize", pictures, "-s", other, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "another base" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_missing_style_says_how_to_make_one(run, engine, pictures: Path, tmp_path: Path):
    result = run("stylize", pictures, "-s", tmp_path / "none.safetensors", "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "fewstroke adapt" in result.stderr


@pytest.mark.parametrize("name", [b"day:cat:[bold]1", b"caf\xe9", "\N{SNOWMAN}".encode()])
def test_results_are_printed_as_they_are_named(run, engine, style: Path, tmp_path: Path, name: bytes):
    photo = tmp_path / (os.fsdecode(name) + ".png")
    Image.new("RGB", (32, 32)).save(photo)
    result = run("stylize", photo, "-s", style, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout_bytes.strip() == os.fsencode(tmp_path / "out") + b"/" + name + b".hokusai.png"


def test_complaints_name_files_as_they_are(run, engine, style: Path, tmp_path: Path):
    photo = tmp_path / "day:cat:1.png"
    result = run("stylize", photo, "-s", style)
    assert result.exit_code == 3
    assert f"{photo} does not exist" in result.stderr
    bad = tmp_path / os.fsdecode(b"caf\xe9.png")
    bad.write_bytes(b"no picture")
    result = run("stylize", bad, "-s", style)
    assert result.exit_code == 3
    assert "caf" in result.stderr


def test_a_bad_file_costs_only_itself(run, engine, pictures: Path, style: Path, tmp_path: Path):
    (pictures / "empty.png").write_bytes(b"")
    (pictures / "jxl.jpg").write_bytes(b"\xff\x0a\xfa\x1f" + bytes(40))
    avif = encoded(Image.new("RGB", (32, 32)), "AVIF")
    (pictures / "lost.avif").write_bytes(avif.replace(b"av01", b"av00"))
    out = tmp_path / "out"
    result = run("stylize", pictures, "-s", style, "-o", out)
    assert result.exit_code == 3
    assert sorted(path.name for path in out.iterdir()) == [f"{n}.hokusai.png" for n in "abc"]
    assert result.stdout.split() == [str(out / f"{n}.hokusai.png") for n in "abc"]
    for name, why in (
        ("empty.png", "is an empty file"),
        ("jxl.jpg", "is a JPEG XL"),
        ("lost.avif", "is damaged or cut off"),
    ):
        assert f"error: {pictures / name} {why}" in result.stderr
    assert "3 of 6 files could not be used" in result.stderr


def test_what_the_system_says_of_a_file_is_told_with_its_name(tmp_path: Path):
    path = tmp_path / "locked.png"
    with pytest.raises(InputError, match=r"/locked\.png cannot be read: Permission denied$"), about(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def test_hidden_files_of_a_folder_are_left_out(run, engine, pictures: Path, style: Path, tmp_path: Path):
    (pictures / "._a.png").write_bytes(b"of macOS")
    assert run("stylize", pictures, "-s", style, "-o", tmp_path / "out").exit_code == 0
    assert len(list((tmp_path / "out").iterdir())) == 3
    named = tmp_path / ".hidden.png"
    Image.new("RGB", (32, 32)).save(named)
    assert run("stylize", named, "-s", style, "-o", tmp_path / "out").exit_code == 0, "it was asked for"


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
def test_what_is_done_is_not_rendered_again(
    run, engine, pictures: Path, style: Path, tmp_path: Path, form: str
):
    out = tmp_path / "out"
    arguments = ("stylize", pictures, "-s", style, "-o", out, "--format", form)
    (pictures / "bad.png").write_bytes(b"")
    assert run(*arguments).exit_code == 3
    assert len(engine.stylized) == 3
    Image.new("RGB", (50, 50), "red").save(pictures / "bad.png")
    again = run(*arguments)
    assert again.exit_code == 0, again.output
    assert len(engine.stylized) == 4, "the one that is new"
    assert len(again.stdout.split()) == 4
    assert "3 of 4 were there" in again.stderr
    Image.new("RGB", (50, 50), "blue").save(pictures / "a.png")
    assert run(*arguments).exit_code == 0
    assert len(engine.stylized) == 5, "a photo that has changed"
    assert run(*arguments, "--strength", "0.4").exit_code == 0
    assert len(engine.stylized) == 9, "another option"


def test_complaints_write_names_as_they_are(
    run, engine, style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("mix").mkdir()
    Path("mix/03.jpg").write_bytes(b"")
    Path("mix/04.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    for name in ("mix/03.jpg", "mix/04.jpg"):
        result = run("stylize", name, "-s", style)
        assert result.exit_code == 3
        assert f"error: {name} is " in result.stderr


def test_a_complaint_about_a_style_names_it(run, engine, pictures: Path, tmp_path: Path):
    other = tmp_path / "other.safetensors"
    other.write_bytes(style_bytes("ab" * 32))
    assert f"error: {other}: " in run("stylize", pictures, "-s", other).stderr
    other.write_bytes(b"")
    result = run("export", other)
    assert result.exit_code == 3
    assert f"error: {other}: " in result.stderr


@pytest.mark.parametrize(
    ("option", "within", "beyond"),
    [("--strength", "1.5", "1.51"), ("--size", "8192", "8193"), ("--size", "16", "15")],
)
def test_bounds_are_those_of_the_service(
    run, engine, pictures: Path, style: Path, tmp_path: Path, option: str, within: str, beyond: str
):
    arguments = ("stylize", pictures / "a.png", "-s", style, "-o", tmp_path / "out", option)
    assert run(*arguments, within).exit_code == 0
    result = run(*arguments, beyond)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr


def test_a_name_that_is_too_long_loses_its_middle(run, engine, style: Path, tmp_path: Path):
    for end in ("one", "two"):
        Image.new("RGB", (32, 32)).save(tmp_path / ("n" * 240 + f"-{end}.png"))
    result = run("stylize", *sorted(tmp_path.glob("n*.png")), "-s", style, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name[-16:] for name in names] == ["-one.hokusai.png", "-two.hokusai.png"]
    assert all("…" in name and len(name.encode()) == 255 for name in names)


def test_names_that_are_one_on_other_systems_are_kept_apart(run, engine, style: Path, tmp_path: Path):
    """A.png and a.png are one file on macOS and Windows, and so is an accent written apart."""
    for folder, name in (("one", "A"), ("two", "a"), ("three", "é"), ("four", "e\u0301")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (32, 32)).save(tmp_path / folder / f"{name}.png")
    folders = [tmp_path / name for name in ("one", "two", "three", "four")]
    assert run("stylize", *folders, "-s", style, "-o", tmp_path / "out").exit_code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"A.hokusai.png", "a.hokusai-2.png", "é.hokusai.png", "e\u0301.hokusai-2.png"}


def test_photos_get_a_label_where_one_is_asked_for(run, engine, style, tmp_path: Path, monkeypatch):
    photo, out = tmp_path / "x.png", tmp_path / "out.png"
    Image.new("RGB", (200, 160), "white").save(photo)
    arguments = ["stylize", photo, "-s", style, "-o", out, "--strength", "0"]
    made = []
    for options, place in ([], "none"), (["--label", "top-left"], "none"), ([], "bottom-right"):
        monkeypatch.setenv("FEWSTROKE_LABEL", place)
        result = run(*arguments, *options)
        assert result.exit_code == 0, result.output
        with Image.open(out) as image:
            made.append(image.convert("RGB"))
    plain, asked, default = made
    assert asked.tobytes() == Label(place="top-left").draw(plain).tobytes() != plain.tobytes()
    assert default.tobytes() == Label(place="bottom-right").draw(plain).tobytes() != plain.tobytes()
    assert run(*arguments, "--label", "middle").exit_code == 2
    monkeypatch.setenv("FEWSTROKE_LABEL_TEXT", "AI生成")
    result = run(*arguments)
    assert (result.exit_code, "FEWSTROKE_LABEL_TEXT: the font has no" in result.stderr) == (78, True)
