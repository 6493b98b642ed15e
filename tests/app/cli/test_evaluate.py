"""``fewstroke evaluate``: what the words on the command line become, and what is refused."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

COMMAND = "benchmarks.evaluation.command"


@pytest.fixture
def folders(tmp_path: Path) -> list[object]:
    for name in ("styles", "contents"):
        (tmp_path / name).mkdir()
    return ["evaluate", "--styles", tmp_path / "styles", "--contents", tmp_path / "contents"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the evaluation was asked to do; stands in for the evaluation itself."""
    calls: list[Any] = []

    def evaluate(options: Any, say: Any) -> tuple[Any, list[Path]]:
        calls.append(options)
        say("1/2 rows")
        return types.SimpleNamespace(markdown=lambda: "# the tables"), [Path("made.html")]

    module = types.ModuleType(COMMAND)
    module.evaluate = evaluate  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, COMMAND, module)
    return calls


def test_tables_go_to_standard_output_and_progress_does_not(run, folders: list[object], asked: list[Any]):
    result = run(
        *folders, "--k", "5,1", "--steps", "0,default", "--rows", "ours,magenta", "--slow-limit", "2x3",
        "--baseline", "a.safetensors", "--baseline", "b.safetensors", "--strengths", "0.5",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == "# the tables"
    assert "1/2 rows" in result.stderr
    assert "wrote made.html" in result.stderr
    (options,) = asked
    assert (options.ks, options.chosen_k, options.steps) == ((1, 5), 5, "0,default")
    assert {family.value for family in options.rows} == {"ours", "magenta"}
    assert (options.slow_artists, options.slow_photos, options.strengths) == (2, 3, (0.5,))
    assert [path.name for path in options.baselines] == ["a.safetensors", "b.safetensors"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--k", "0"], "--k takes numbers from 1 to 16"),
        (["--rows", "gatys"], "--rows knows no gatys"),
        (["--slow-limit", "4"], "--slow-limit takes"),
        (["--strengths", "-1"], "--strengths takes"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    run, folders: list[object], asked: list[Any], words: list[str], said: str
):
    result = run(*folders, *words)
    assert result.exit_code == 3
    assert said in result.stderr
    assert asked == []


def test_folders_are_checked_first(run, tmp_path: Path, asked: list[Any]):
    result = run("evaluate", "--styles", tmp_path / "none", "--contents", tmp_path)
    assert result.exit_code == 3
    assert "is no folder" in result.stderr


def test_missing_packages_are_named_with_what_to_install(
    run, folders: list[object], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, COMMAND, None)  # as if it were not there
    result = run(*folders)
    assert result.exit_code == 78
    assert "pip install -e '.[bench]'" in result.stderr
