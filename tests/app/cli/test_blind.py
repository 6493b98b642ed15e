"""``fewstroke evaluate --blind`` and ``--count`` from the command line, with pictures made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("benchmarks.evaluation.blind.command")


@pytest.fixture
def folders(tmp_path: Path) -> list[object]:
    random = np.random.default_rng(0)
    for place in (*(f"styles/painter/{i}.png" for i in range(3)), "contents/x.png", "contents/y.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(tmp_path / place)
    (tmp_path / "groups.txt").write_text("painter\n")
    return [
        "evaluate", "--styles", tmp_path / "styles", "--contents", tmp_path / "contents",
        "--k", "3", "--photos", "1", "--size", "64", "--limit", "1", "--pictures", tmp_path / "pictures",
        "--pairs", tmp_path / "pairs",
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def all_are_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.evaluation.groups.split_of", lambda name: "validation")


def test_sheets_are_written_and_their_verdicts_counted(run, folders: list[object], tmp_path: Path):
    result = run(*folders, "--blind", "photo", "color")
    assert result.exit_code == 0, result.output
    key = tmp_path / "pairs-key.json"
    assert f"wrote {key}" in result.stderr
    left = json.loads(key.read_text())["pairs"][0]["left"]
    form = tmp_path / "pairs" / "verdicts.csv"
    form.write_text(form.read_text().replace("1,,,", "1,left,style,ugly"))
    counted = run("evaluate", "--count", form, "--key", key)
    assert counted.exit_code == 0, counted.output
    assert f"| in all | {int(left == 'photo')}/1" in counted.stdout


def test_what_is_wrong_is_said(run, folders: list[object], tmp_path: Path):
    assert "knows no 'gatys'" in run(*folders, "--blind", "photo", "gatys").stderr
    assert "give --key" in run("evaluate", "--count", tmp_path / "v.csv").stderr
    absent = run("evaluate", "--count", tmp_path / "v.csv", "--key", tmp_path / "k.json")
    assert absent.exit_code == 3
    assert "cannot be read" in absent.stderr
    missing = run("evaluate", "--contents", tmp_path)
    assert missing.exit_code == 3
    assert "--styles is missing" in missing.stderr
