"""``fewstroke judge`` from the command line: what is refused before anything listens."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

pytest.importorskip("benchmarks.evaluation.judge.server")

VOTE = {"judge": "Mo", "pair": 1, "preferred": "left", "left_grade": "ugly", "right_grade": "ugly"}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    folder = tmp_path / "pairs"
    folder.mkdir()
    for name in ("w.png", "l.png", "r.png"):
        (folder / name).write_bytes(b"")
    pair = {"pair": 1, "examples": ["w.png"], "left": "l.png", "right": "r.png"}
    (folder / "pairs.json").write_text(json.dumps({"set": "s", "pairs": [pair]}))
    return folder


def write_key(path: Path, name: str) -> None:
    pair = {"pair": 1, "style": "painter", "photo": "x", "left": "ours", "right": "theirs"}
    path.write_text(json.dumps({"set": name, "methods": ["ours", "theirs"], "pairs": [pair], "about": {}}))


def test_a_folder_without_pairs(run, tmp_path: Path):
    result = run("judge", tmp_path)
    assert result.exit_code == 3
    assert "has no pairs" in result.stderr


def test_a_port_that_is_taken(run, pairs: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("judge", pairs, "--port", taken.getsockname()[1])
    assert result.exit_code == 3
    assert "choose another --port" in result.stderr


def test_counts_of_each_judge_and_of_all(run, pairs: Path):
    write_key(pairs.parent / "pairs-key.json", "s")
    votes = [VOTE, VOTE | {"judge": "Lo", "preferred": "right"}]
    (pairs / "votes.jsonl").write_text(
        "".join(json.dumps(vote | {"set": "s"}) + "\n" for vote in votes) + "{"
    )
    result = run("judge", pairs, "--count")
    assert result.exit_code == 0, result.output
    assert "## Lo" in result.stdout
    assert "| in all | 1/2 = 50%" in result.stdout
    assert "1 lines of votes cannot be read" in result.stderr


def test_no_votes_and_another_key(run, pairs: Path):
    write_key(pairs.parent / "pairs-key.json", "s")
    assert "let somebody vote first" in run("judge", pairs, "--count").stderr
    write_key(pairs.parent / "other.json", "t")
    result = run("judge", pairs, "--count", "--key", pairs.parent / "other.json")
    assert result.exit_code == 3
    assert "the key of other pairs" in result.stderr
