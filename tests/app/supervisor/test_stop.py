"""The end of all children, whenever the signals come."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from app.settings import Settings
from app.supervisor import Supervisor

pytestmark = pytest.mark.process


class _InTheMaking:
    """A child whose process is there only after it was asked to stop, and that ends by SIGKILL alone."""

    name = "slow"
    pid: int | None = None

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def run(self) -> None:
        await asyncio.sleep(0.05)
        self.pid = 4242
        await self.ended.wait()

    def stop(self) -> None:
        """It is not there yet."""

    def kill(self) -> None:
        if self.pid is not None:
            self.ended.set()


async def test_a_process_that_was_in_the_making_is_killed_as_well(tmp_path: Path) -> None:
    supervisor = Supervisor(Settings(data_dir=tmp_path), worker_command=["true"])
    child = _InTheMaking()
    supervisor._children = [child]  # type: ignore[list-item]
    supervisor._on_signal()
    supervisor._on_signal()  # both come at once: nobody waits
    with socket.socket() as listener:
        async with asyncio.timeout(20):
            await supervisor._stop([asyncio.create_task(child.run())], listener)
    assert child.ended.is_set()
