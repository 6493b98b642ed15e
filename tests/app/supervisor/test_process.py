"""Back-off of restarts, and the console's lines."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import cast

import pytest

from app.infra.asyncio_utils import end
from app.infra.broker import EmbeddedServer
from app.infra.logs import LogFormat
from app.settings import Settings
from app.supervisor.log_output import LogOutput
from app.supervisor.process import restart_delay
from app.supervisor.supervisor import Supervisor

pytestmark = pytest.mark.process


def test_restarts_slow_down_up_to_ten_seconds():
    delays = [restart_delay(failures) for failures in range(1, 12)]
    assert delays[:4] == [0.2, 0.4, 0.8, 1.6]
    assert delays == sorted(delays)
    assert max(delays) == 10.0


class DyingBroker:
    """Starts without trouble, and ends at once."""

    def last_words(self) -> str:
        return "its last words"

    async def wait(self) -> int:
        return 1

    async def start(self) -> None:
        return None


@pytest.mark.parametrize(("healthy_after", "counted"), [(30.0, [1, 2, 3, 4]), (-1.0, [1, 1, 1, 1])])
async def test_a_broker_that_keeps_dying_young_is_started_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, healthy_after: float, counted: list[int]
):
    failures: list[int] = []
    enough = asyncio.Event()

    def no_delay(count: int) -> float:
        failures.append(count)
        if len(failures) == len(counted):
            enough.set()
        return 0.0

    monkeypatch.setattr("app.supervisor.supervisor.restart_delay", no_delay)
    monkeypatch.setattr("app.supervisor.supervisor.HEALTHY_AFTER", healthy_after)
    supervisor = Supervisor(Settings(data_dir=tmp_path), worker_command=[])
    keeping = asyncio.create_task(supervisor._keep_broker(cast(EmbeddedServer, DyingBroker())))
    try:
        async with asyncio.timeout(10):
            await enough.wait()
    finally:
        await end(keeping)
    assert failures[: len(counted)] == counted


async def test_every_line_of_a_child_gets_its_name(capsys: pytest.CaptureFixture[str]):
    stream = asyncio.StreamReader()
    long = "x" * 200_000
    stream.feed_data(f"one\r\ntwo\n{long}\nthe end".encode())
    stream.feed_eof()
    await LogOutput().pump("worker", stream)
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
    await LogOutput(form).pump("worker", stream)
    full.detach().close()
