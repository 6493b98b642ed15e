"""A disk that was full leaves a broker that takes nothing any more, until it is started again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.infra.broker import Broker, BrokerStartError, EmbeddedServer
from app.infra.broker import stream_probe as module
from tests.support.waiting import eventually

pytestmark = pytest.mark.process


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


async def test_it_is_found_out_and_a_restart_mends_it(small_disk: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_PATIENCE", 1.0)
    async with EmbeddedServer(small_disk) as server:
        broker = await Broker.connect(server.url, token=server.token)
        first = await broker.publish_event("job_1", "progress", {"step": 1})
        assert await server.stuck() is None

        fill(small_disk / "filler")

        async def deaf() -> bool:
            return await module.unwritable_stream(server.address) is not None

        await eventually(deaf)
        assert await server.stuck() is None  # a restart would not help now
        (small_disk / "filler").unlink()
        assert await server.stuck() is not None

        await server.stop()
        fill(small_disk / "filler")
        with pytest.raises(BrokerStartError):  # and nothing else: the supervisor then tries again
            await server.start()
        (small_disk / "filler").unlink()
        await server.start()
        assert await server.stuck() is None
        await eventually(lambda: broker.connected)
        assert await broker.publish_event("job_1", "progress", {"step": 2}) > first
        assert [event.data["step"] async for event in _first_two(broker)] == [1, 2]
        await broker.close()


async def _first_two(broker: Broker):
    seen = 0
    async for event in broker.events("job_1"):
        yield event
        seen += 1
        if seen == 2:
            return


async def test_a_look_leaves_nothing_in_the_queue(broker: Broker, server: EmbeddedServer):
    assert await server.stuck() is None
    assert await broker.next_job(["adapt"], timeout=0) is None
    assert (await broker._js.stream_info("JOBS")).state.messages == 0
    assert await broker.workers() == []
