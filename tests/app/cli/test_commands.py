"""The command as a whole: help, imports, the installed script, training's arguments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

COMMANDS = (
    "serve", "api", "worker", "demo", "batch", "keys", "openapi", "adapt", "stylize", "meta-train",
    "evaluate", "version",
)  # fmt: skip


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after ``code``."""
    program = f"{code}\nimport sys, json; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout.splitlines()[-1]))


def test_help_names_every_command(run):
    result = run("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert f" {command} " in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run, command: str):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_command_line_alone_imports_nothing_heavy():
    heavy = {"torch", "fastapi", "uvicorn", "sqlalchemy", "nats", "numpy", "PIL"}
    assert not modules_after("import app.cli") & heavy


def test_the_http_process_and_the_supervisor_never_import_torch():
    modules = modules_after("import app.cli.http, app.supervisor, app.infra.broker")
    assert {"fastapi", "uvicorn", "nats"} <= modules
    assert not modules & {"torch", "torchvision"}


def test_version_names_the_checkpoint(run):
    result = run("version")
    assert result.exit_code == 0, result.output
    assert metadata.version("fewstroke") in result.stdout
    assert "base.safetensors" in result.stdout


def test_paths_that_are_not_utf8_are_printed_as_they_are():
    answer = subprocess.run(
        [sys.executable, "-m", "app.cli", "config"],
        env={**os.environ, "FEWSTROKE_DATA_DIR": "/lat\udce9n", "PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert b"/lat\xe9n" in answer.stdout


def test_an_api_without_a_broker_says_what_to_start(tmp_path: Path):
    answer = subprocess.run(
        [sys.executable, "-m", "app.cli", "api", "--data-dir", str(tmp_path), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 1
    assert "fewstroke serve" in answer.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["stylize", "k\u00fcche.png", "-s", "\u0441\u0442\u0438\u043b\u044c"],
        ["adapt", "\u732b.png", "-o", "a.safetensors"],
    ],
)
def test_names_that_the_terminal_cannot_show_are_told_all_the_same(tmp_path: Path, command: list[str]):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    answer = subprocess.run(
        [sys.executable, "-m", "app.cli", *command],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, **plain, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    said = (answer.stdout + answer.stderr).decode("ascii")
    assert answer.returncode == 3, said
    assert "Traceback" not in said
    assert "does not exist" in said
