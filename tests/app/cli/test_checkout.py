"""``fewstroke bench``, ``evaluate`` and ``judge`` need the repository: what they say without it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.cli import checkout


@pytest.mark.parametrize(
    "words", [["bench"], ["evaluate", "--styles", ".", "--contents", "."], ["judge", "."]], ids=lambda w: w[0]
)
def test_without_a_checkout_the_commands_say_where_to_run_them(
    run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str]
):
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    result = run(*words)
    assert result.exit_code == 78
    assert "run this in a checkout" in " ".join(result.stderr.split())


def test_in_a_checkout_the_benchmarks_are_found_although_they_are_not_installed(
    monkeypatch: pytest.MonkeyPatch,
):
    root = str(checkout.ROOT)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", root)])
    with checkout.benchmark_imports():
        assert sys.path[-1] == root
    with checkout.benchmark_imports():
        assert sys.path.count(root) == 1
