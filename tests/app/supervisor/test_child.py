"""Back-off of restarts, and the console's lines."""

from __future__ import annotations

import asyncio
import io

import pytest

from app.infra.logs import LogFormat
from app.supervisor.child import restart_delay
from app.supervisor.console import Console


def test_restarts_slow_down_up_to_ten_seconds():
    delays = [restart_delay(failures) for failures in range(1, 12)]
    assert delays[:4] == [0.2, 0.4, 0.8, 1.6]
    assert delays == sorted(delays)
    assert max(delays) == 10.0


async def test_every_line_of_a_child_gets_its_name(capsys: pytest.CaptureFixture[str]):
    stream = asyncio.StreamReader()
    long = "x" * 200_000
    stream.feed_data(f"one\r\ntwo\n{long}\nthe end".encode())
    stream.feed_eof()
    await Console().pump("worker", stream)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "worker    | one"
    assert lines[1] == "worker    | two"
    assert lines[-1] == "worker    | the end"
    assert all(line.startswith("worker    | ") for line in lines)
    assert sum(line.count("x") for line in lines) == 200_000


@pytest.mark.parametrize("form", ["console", "json"])
async def test_a_full_disk_behind_the_log_costs_lines_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, form: LogFormat
):
    full = io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True)
    monkeypatch.setattr("sys.stderr", full)
    stream = asyncio.StreamReader()
    stream.feed_data(b"one\ntwo\n")
    stream.feed_eof()
    await Console(form).pump("worker", stream)
    full.detach().close()
