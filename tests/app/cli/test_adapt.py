"""``fewstroke adapt``."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from model.formats import read_style_header


def test_a_folder_of_examples_becomes_a_style_file(run, engine, pictures: Path, tmp_path: Path):
    output = tmp_path / "styles" / "teal.safetensors"
    result = run("adapt", pictures, "-o", output, "--steps", 3, "--seed", 7, "--device", "cpu")
    assert result.exit_code == 0, result.output
    header = read_style_header(output.read_bytes())
    assert (header.k, header.steps, header.seed) == (3, 3, 7)
    assert engine.loaded == [(None, "cpu")]
    assert [image.size for image in engine.adapted[0]["examples"]] == [
        (61, 40),
        (60, 40),
        (62, 40),
    ]  # by name
    assert f"{output}: style of 3 pictures" in result.stdout
    assert "40% closer than without learning" in result.stdout
    assert "adapting" in result.stderr


def test_a_style_without_learning_is_told_as_one(run, engine, pictures: Path, tmp_path: Path):
    result = run("adapt", pictures, "-o", tmp_path / "s.safetensors", "--steps", 0)
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith("as without learning")


def test_contents_are_photos_to_practise_on(run, engine, pictures: Path, tmp_path: Path):
    result = run(
        "adapt", pictures / "a.png", "--contents", pictures / "b.jpg", "-o", tmp_path / "s.safetensors"
    )
    assert result.exit_code == 0, result.output
    assert [image.size for image in engine.adapted[0]["contents"]] == [(60, 40)]
    assert engine.adapted[0]["steps"] is None


def test_pictures_are_read_upright(run, engine, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.new("RGB", (80, 50)).save(tmp_path / "turned.jpg", exif=exif)
    run("adapt", tmp_path / "turned.jpg", "-o", tmp_path / "s.safetensors")
    assert engine.adapted[0]["examples"][0].size == (50, 80)


def test_transparent_parts_of_examples_are_white(run, engine, tmp_path: Path):
    hidden = Image.new("RGBA", (80, 50), (200, 30, 30, 128))
    hidden.paste((0, 0, 0, 0), (0, 0, 40, 50))
    hidden.save(tmp_path / "a.png")
    run("adapt", tmp_path / "a.png", "--contents", tmp_path / "a.png", "-o", tmp_path / "s.safetensors")
    for given in ("examples", "contents"):
        (image,) = engine.adapted[0][given]
        assert (image.mode, image.getpixel((5, 5))) == ("RGB", (255, 255, 255))
        assert image.getpixel((60, 5)) == (227, 142, 142)


@pytest.mark.parametrize("name", ["mine.png", "mine.MP4", "mine.avif"])
def test_a_style_is_not_written_by_a_pictures_name(run, engine, pictures: Path, tmp_path: Path, name: str):
    result = run("adapt", pictures / "a.png", "-o", tmp_path / name)
    assert result.exit_code == 3
    assert f"{tmp_path / name} is the name of a picture: give one that ends in .safetensors" in result.stderr
    assert engine.loaded == []


def test_an_example_may_be_a_still_gif(run, engine, tmp_path: Path):
    folder = tmp_path / "works"
    folder.mkdir()
    Image.new("RGB", (80, 50), "teal").save(folder / "a.gif")
    result = run("adapt", folder, "-o", tmp_path / "s.safetensors")
    assert result.exit_code == 0, result.output
    assert engine.adapted[0]["examples"][0].getpixel((5, 5)) == (0, 128, 128)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("fake.jpg", b"I am text", "send JPEG, PNG, WebP"),
        ("cut.jpg", None, "damaged or cut off"),
        ("missing.jpg", b"", "does not exist"),
    ],
)
def test_a_bad_example_is_named_and_nothing_is_written(
    run, engine, tmp_path: Path, name: str, content: bytes | None, says: str
):
    path = tmp_path / name
    if content is None:
        Image.effect_noise((200, 200), 50).save(path)
        path.write_bytes(path.read_bytes()[:2000])
    elif content:
        path.write_bytes(content)
    output = tmp_path / "s.safetensors"
    result = run("adapt", path, "-o", output)
    assert result.exit_code == 3
    assert str(path) in result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert not output.exists()
    assert engine.loaded == []  # found before the model is loaded


def test_seventeen_examples_are_too_many(run, engine, tmp_path: Path):
    for number in range(17):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{number}.png")
    result = run("adapt", tmp_path, "-o", tmp_path / "s.safetensors")
    assert result.exit_code == 3
    assert "17 examples are too many: choose at most 16" in result.stderr


def test_an_empty_folder_says_so(run, engine, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    result = run("adapt", tmp_path / "empty", "-o", tmp_path / "s.safetensors")
    assert result.exit_code == 3
    assert "there are no pictures" in result.stderr


def test_an_input_is_never_overwritten(run, engine, pictures: Path):
    before = (pictures / "a.png").read_bytes()
    result = run("adapt", pictures, "-o", pictures / "a.png")
    assert result.exit_code == 3
    assert "would be overwritten" in result.stderr
    assert (pictures / "a.png").read_bytes() == before


def test_a_folder_as_output_gets_advice(run, engine, pictures: Path, tmp_path: Path):
    result = run("adapt", pictures, "-o", tmp_path)
    assert result.exit_code == 3
    assert "mine.safetensors" in result.stderr


def test_the_output_is_asked_for(run, pictures: Path):
    result = run("adapt", pictures)
    assert result.exit_code == 2
    assert "--output" in result.stderr


def test_a_missing_checkpoint_is_a_setup_error(run, tmp_path: Path, pictures: Path):
    result = run(
        "adapt", pictures, "-o", tmp_path / "s.safetensors", "--checkpoint", tmp_path / "none.safetensors"
    )
    assert result.exit_code == 78
    assert "meta-train" in result.stderr


def test_a_folder_is_no_checkpoint(run, tmp_path: Path, pictures: Path):
    result = run("adapt", pictures, "-o", tmp_path / "s.safetensors", "--checkpoint", tmp_path)
    assert result.exit_code == 78
    assert f"{tmp_path} is no file" in result.stderr


@pytest.mark.parametrize("seed", [-1, 10**23])
def test_seeds_are_those_of_the_service(run, tmp_path: Path, pictures: Path, seed: int):
    result = run("adapt", pictures, "-o", tmp_path / "s.safetensors", "--seed", seed)
    assert result.exit_code == 2
    assert "Invalid value for '--seed'" in result.stderr


def test_all_bad_examples_are_named_at_once(run, engine, pictures: Path, tmp_path: Path):
    for name in ("d.png", "e.jpg", "._f.jpg"):
        (pictures / name).write_bytes(b"")
    result = run("adapt", pictures, "-o", tmp_path / "s.safetensors")
    assert result.exit_code == 3
    assert f"{pictures / 'd.png'} is an empty file" in result.stderr
    assert f"{pictures / 'e.jpg'} is an empty file" in result.stderr
    assert "._f" not in result.stderr
    assert engine.loaded == []


def test_steps_are_those_of_the_service(
    run, engine, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
):
    arguments = ("adapt", pictures, "-o", tmp_path / "s.safetensors", "--steps")
    result = run(*arguments, "101")
    assert result.exit_code == 2
    assert "Invalid value for '--steps'" in result.stderr
    monkeypatch.setenv("FEWSTROKE_MAX_STEPS", "3")
    assert run(*arguments, "4").exit_code == 2
    assert run(*arguments, "3").exit_code == 0


def test_a_style_says_whose_the_examples_are(run, engine, pictures: Path, tmp_path: Path):
    output = tmp_path / "s.safetensors"
    said = ("--rights", "© A. Painter", "--licence", "CC-BY-4.0")
    result = run("adapt", pictures, "-o", output, "--steps", 3, *said)
    assert result.exit_code == 0, result.output
    header = read_style_header(output.read_bytes())
    assert (header.rights, header.examples_licence) == ("© A. Painter", "CC-BY-4.0")
    assert run("adapt", pictures, "-o", output, "--rights", "x" * 501).exit_code == 2
