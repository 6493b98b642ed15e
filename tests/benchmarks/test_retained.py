"""A process that is asked says what it holds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from benchmarks.retained.__main__ import INSIDE
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

_WAIT = "print('up', flush=True); input()"


async def held(program: str, folder: Path) -> dict[str, float]:
    """What a process that runs ``program`` says when it is up."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", program),
        env={**os.environ, "PYTHONPATH": str(INSIDE), "FEWSTROKE_TEST_RETAINED": str(folder)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    path = folder / f"{process.pid}.json"
    process.send_signal(signal.SIGUSR1)
    await eventually(path.is_file)
    found: dict[str, float] = json.loads(path.read_text())
    process.kill()
    await process.wait()
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
async def test_what_a_process_holds(tmp_path: Path) -> None:
    empty = await held(_WAIT, tmp_path)
    full = await held(f"held = [bytes(1000) for _ in range(20_000)]; {_WAIT}", tmp_path)
    assert full["blocks"] - empty["blocks"] > 19_000
    assert full["in_use_mib"] - empty["in_use_mib"] > 15
    assert empty["rss_mib"] > 5
