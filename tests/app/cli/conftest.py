"""The command line in this process, with a scripted engine where a model is needed."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from app.cli import cli
from tests.support.fake_engine import BASE_HASH, FakeEngine, FakeStyle

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where commands keep certificates, instead of this user's own folder."""
    folder = tmp_path / "data of this test"
    monkeypatch.setenv("FEWSTROKE_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Invoke ``fewstroke`` with arguments; wide enough that no message is wrapped."""
    monkeypatch.setenv("COLUMNS", "400")
    runner = CliRunner()

    def invoke(*arguments: object) -> Result:
        return runner.invoke(cli, [str(argument) for argument in arguments])

    return invoke


class LoadableEngine(FakeEngine):
    """Records how it was loaded and called."""

    loaded: ClassVar[list[tuple[Path | None, str]]] = []
    adapted: ClassVar[list[dict[str, Any]]] = []
    stylized: ClassVar[list[dict[str, Any]]] = []

    @classmethod
    def load(cls, checkpoint: Path | None = None, *, device: str = "auto") -> LoadableEngine:
        cls.loaded.append((checkpoint, device))
        return cls()

    def adapt(self, examples, **how):
        self.adapted.append({"examples": list(examples), **how})
        return super().adapt(examples, **how)

    def draw(self, rendering):
        self.stylized.append(asdict(rendering.dials))
        return super().draw(rendering)


class BoundStyle(FakeStyle):
    @classmethod
    def from_bytes(cls, data: bytes, *, base_hash: str = BASE_HASH) -> FakeStyle:
        assert base_hash == BASE_HASH
        return FakeEngine(base_hash).read_style(data)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> type[LoadableEngine]:
    """Stands in for ``model.image.engine`` and ``style``: the commands' own work is under test."""
    for calls in (LoadableEngine.loaded, LoadableEngine.adapted, LoadableEngine.stylized):
        calls.clear()
    engine_module = types.ModuleType("model.image.engine")
    engine_module.Engine = LoadableEngine  # type: ignore[attr-defined]
    style_module = types.ModuleType("model.image.style")
    style_module.Style = BoundStyle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "model.image.engine", engine_module)
    monkeypatch.setitem(sys.modules, "model.image.style", style_module)
    return LoadableEngine


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures and something else."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(("b.jpg", "a.png", "c.webp")):
        Image.new("RGB", (60 + number, 40), "teal").save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    return folder
