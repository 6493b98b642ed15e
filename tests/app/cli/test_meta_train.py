"""``fewstroke meta-train``."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder of styles and a folder of photos."""
    for name in ("styles", "photos"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_folders_are_checked_first(run, tmp_path: Path):
    missing = tmp_path / "none"
    result = run("meta-train", "--styles", missing, "--contents", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert f"{missing} is no folder" in result.stderr
    result = run(
        "meta-train",
        "--styles",
        tmp_path,
        "--contents",
        tmp_path,
        "--out",
        tmp_path / "out",
        "--start",
        missing,
    )
    assert result.exit_code == 3
    assert f"{missing} does not exist" in result.stderr


def test_nothing_is_overwritten_and_nothing_is_made_up(run, folders: Path):
    out = folders / "out"
    arguments = ["meta-train", "--styles", folders / "styles", "--contents", folders / "photos", "--out", out]
    result = run(*arguments, "--resume")
    assert result.exit_code == 3
    assert "holds no training to go on with" in result.stderr
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    result = run(*arguments)
    assert result.exit_code == 3
    assert "choose another --out" in result.stderr
    (out / "state.safetensors").write_bytes(b"")
    assert "--resume" in run(*arguments).stderr


class _Training:
    """Stands in for ``model.image.training.trainer.Run``, which has its own tests: learns nothing."""

    configs: ClassVar[list[Any]] = []
    fails: ClassVar[Exception | None] = None

    def __init__(self, config: Any) -> None:
        self.configs.append(config)
        self.config = config
        self.device = SimpleNamespace(type="cpu")
        self.seconds = 0.0
        self.loop = SimpleNamespace(steps_done=0)

    def train(self) -> None:
        if self.fails is not None:
            raise self.fails
        self.seconds = 60 * self.config.minutes
        self.loop.steps_done = 7

    def export(self, card: dict[str, Any]) -> Path:
        self.config.out.mkdir(exist_ok=True)
        path: Path = self.config.out / "base.safetensors"
        path.write_text(json.dumps(card))
        return path


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> type[_Training]:
    from model.image.training import trainer

    monkeypatch.setattr(_Training, "configs", [])
    monkeypatch.setattr(trainer, "Run", _Training)
    return _Training


def test_a_training_gets_what_was_asked_for_and_its_checkpoint_says_so(
    run, training: type[_Training], folders: Path
):
    out, start = folders / "out", folders / "start.safetensors"
    start.write_bytes(b"a checkpoint")
    more = folders / "more"
    more.mkdir()
    result = run(
        "meta-train", "--styles", folders / "styles", "--styles", more, "--contents", folders / "photos",
        "--contents", more, "--out", out, "--start", start, "--minutes", 10, "--device", "cpu", "--seed", 5,
        "--licence", "CC0-1.0",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out / "base.safetensors")
    (config,) = training.configs
    assert (config.styles, config.contents) == ([folders / "styles", more], [folders / "photos", more])
    assert (config.out, config.start, config.minutes) == (out, start, 10)
    assert (config.device, config.seed) == ("cpu", 5)
    card = json.loads((out / "base.safetensors").read_text())
    assert {name: card[name] for name in ("licence", "minutes", "steps", "seed", "device")} == {
        "licence": "CC0-1.0", "minutes": 10, "steps": 7, "seed": 5, "device": "cpu",
    }  # fmt: skip


def test_a_training_that_was_begun_goes_on(run, training: type[_Training], folders: Path):
    out = folders / "out"
    out.mkdir()
    (out / "state.safetensors").write_bytes(b"")
    result = run(
        "meta-train",
        "--styles",
        folders / "styles",
        "--contents",
        folders / "photos",
        "--out",
        out,
        "--resume",
    )
    assert result.exit_code == 0, result.output
    assert len(training.configs) == 1


def test_a_folder_without_pictures_is_named(
    run, training: type[_Training], folders: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(training, "fails", FileNotFoundError("/photos: no pictures"))
    result = run(
        "meta-train", "--styles", folders / "styles", "--contents", folders / "photos",
        "--out", folders / "out",
    )  # fmt: skip
    assert result.exit_code == 3
    assert "/photos: no pictures" in result.stderr
