"""What a worker says of itself, and how often."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from app.infra.asyncio_utils import end
from app.infra.broker import Broker
from app.worker.heartbeat import Heartbeat
from app.worker.interfaces import EngineLike
from tests.support.waiting import eventually


class Listener:
    """Stands for the broker; keeps what it is told."""

    def __init__(self) -> None:
        self.beats: list[dict[str, Any]] = []

    async def beat(self, _worker_id: str, info: dict[str, Any]) -> None:
        self.beats.append(info)


class Engine:
    base_hash = "0" * 64
    default_steps = 16


async def test_jobs_of_a_moment_share_a_heartbeat_and_the_last_state_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Written for each change, it cost as much as another message for each job."""
    listener = Listener()
    monkeypatch.setattr("app.worker.heartbeat._INTERVAL", 3600.0)
    heart = Heartbeat(cast(Broker, listener), "w", cast(EngineLike, Engine()), device="cpu")
    beating = asyncio.create_task(heart.run())
    try:
        await eventually(lambda: len(listener.beats) == 1)
        for number in range(20):
            heart.works_on(f"job_{number}")
            await asyncio.sleep(0)
            heart.has_left(f"job_{number}")
        heart.works_on("job_last")
        await eventually(lambda: listener.beats[-1]["jobs"] == ["job_last"])
        assert len(listener.beats) == 2
    finally:
        await end(beating)
