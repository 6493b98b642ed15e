"""``fewstroke detect``, and the watermark of results of the command line."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from app.provenance.watermark import COMMAND_LINE
from app.provenance.watermark.detect import find
from app.provenance.watermark.embed import embed
from app.provenance.watermark.payload import Payload
from tests.support.fake_engine import BASE_HASH
from tests.support.fake_worker import style_bytes
from tests.support.pictures import encoded

PHOTO = Path(__file__).parents[3] / "model" / "image" / "photos" / "dahlia.jpg"


def stylized(run, tmp_path: Path, *options: object) -> tuple[Path, Path]:
    style, photo = tmp_path / "waves.safetensors", tmp_path / "photo.png"
    style.write_bytes(style_bytes(BASE_HASH))
    with Image.open(PHOTO) as opened:
        opened.convert("RGB").resize((640, 480)).save(photo)
    done = run("stylize", photo, "--style", style, "-o", tmp_path / "made.png", *options)
    assert done.exit_code == 0, done.output
    return photo, tmp_path / "made.png"


def test_a_result_tells_where_it_comes_from(run, engine, tmp_path: Path):
    photo, made = stylized(run, tmp_path)
    bare = tmp_path / "bare.jpg"
    with Image.open(made) as opened:
        bare.write_bytes(encoded(opened.convert("RGB"), "JPEG", quality=80))
    said = run("detect", "--json", made, bare, photo)
    assert said.exit_code == 0, said.output
    first, second, third = (json.loads(line) for line in said.stdout.splitlines())
    assert first["file"] == str(made)
    assert first["manifest"]["state"] == "valid"
    assert first["record"]["base_hash"] == BASE_HASH
    assert first["watermark"] == {"maker": "command_line", "result_id": None, "scale": 1.0}
    assert (second["made_by_fewstroke"], second["manifest"]) == (True, None)
    assert second["watermark"] == first["watermark"]
    assert (third["made_by_fewstroke"], third["watermark"]) == (False, None)
    table = run("detect", made, photo).stdout
    assert f"{made}: made by Fewstroke" in table
    assert "of the command line" in table
    assert "valid, signed by Fewstroke (self-signed)" in table
    assert f"{photo}: nothing says" in table


def test_another_services_mark(run, tmp_path: Path):
    with Image.open(PHOTO) as opened:
        embed(opened.convert("RGB"), Payload(9, 1)).save(tmp_path / "x.png")
    assert "of another service" in run("detect", tmp_path / "x.png").stdout


def test_without_strength_or_by_choice_nothing_is_marked(run, engine, tmp_path: Path, monkeypatch):
    _, made = stylized(run, tmp_path, "--strength", 0)
    assert find(Image.open(made)) is None
    made.unlink()
    monkeypatch.setenv("FEWSTROKE_WATERMARK", "off")
    assert find(Image.open(stylized(run, tmp_path)[1])) is None


def test_results_are_numbered_by_their_marks(run, engine, tmp_path: Path):
    found = find(Image.open(stylized(run, tmp_path)[1]))
    assert found is not None
    assert found.payload.service == COMMAND_LINE
    assert found.payload.result != 0


def test_a_file_that_cannot_be_read_costs_only_itself(run, tmp_path: Path):
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    good = tmp_path / "x.png"
    Image.new("RGB", (64, 64)).save(good)
    said = run("detect", "--json", tmp_path / "damaged.png", good)
    assert said.exit_code == 3
    assert [json.loads(line)["file"] for line in said.stdout.splitlines()] == [str(good)]
    assert "damaged.png" in said.stderr
    assert run("detect", tmp_path / "nowhere.png").exit_code == 3
