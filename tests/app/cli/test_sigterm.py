"""SIGTERM reaches a process of the service while it is still coming up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.process

_LOADS = """
import sys, threading
def load(*_given, **_options):
    print("loading", flush=True)
    threading.Event().wait()
import {module} as slow
slow.{name} = load
from app.cli import main
sys.argv = ["fewstroke", "{role}", "--data-dir", "{data_dir}"]
main()
"""
_SLOW = {
    "worker": ("app.worker.main", "load_model"),
    "api": ("app.cli.http", "create_app"),
    "serve": ("app.supervisor", "Supervisor"),
}
_FIRST = ("unshare", "--user", "--map-root-user", "--pid", "--fork")
"""What makes a program the first process of its container, where that is permitted."""


def _permitted() -> bool:
    try:
        return subprocess.run([*_FIRST, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("first", [False, True], ids=["one of many", "the first"])
@pytest.mark.parametrize("role", list(_SLOW))
def test_it_ends_at_once(tmp_path: Path, role: str, first: bool) -> None:
    if first and not _permitted():
        pytest.skip("no process namespaces here")
    module, name = _SLOW[role]
    program = _LOADS.format(module=module, name=name, role=role, data_dir=tmp_path)
    with subprocess.Popen(
        [*(_FIRST if first else ()), sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "loading\n"
            (loading,) = psutil.Process(process.pid).children() if first else [psutil.Process(process.pid)]
            loading.terminate()
            assert process.wait(timeout=30) == 143
        finally:
            if process.poll() is None:
                for child in psutil.Process(process.pid).children():
                    child.kill()
                process.kill()
