"""Publish the heartbeat of a worker, for ``/readyz`` and for people."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import sys
from datetime import UTC, datetime
from typing import Any

import psutil

from app.infra.broker import Broker, BrokerError
from app.infra.logs import NotAgain
from app.worker.hang_watchdog import HangWatchdog
from app.worker.interfaces import EngineLike

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())

_INTERVAL = 3.0  # s; forgotten after 15
_AT_MOST_EVERY = 0.25  # s: with jobs of a moment it would otherwise be written twice for each


class Heartbeat:
    """Publishes what the worker is and does, every three seconds, and soon when its jobs change."""

    def __init__(
        self,
        broker: Broker,
        worker_id: str,
        engine: EngineLike,
        *,
        device: str,
        hang_watchdog: HangWatchdog | None = None,
    ) -> None:
        self._hang_watchdog = hang_watchdog
        self._broker = broker
        self._worker_id = worker_id
        self._engine = engine
        self._device = device
        self._jobs: list[str] = []
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._changed = asyncio.Event()
        self._process = psutil.Process()

    def works_on(self, job_id: str) -> None:
        """Record a job that was begun."""
        self._jobs.append(job_id)
        self._changed.set()

    def has_left(self, job_id: str) -> None:
        """Record that the worker is through with a job."""
        self._jobs.remove(job_id)
        self._changed.set()

    def info(self) -> dict[str, Any]:
        """The heartbeat's content; memory in MiB."""
        return {
            "base_hash": self._engine.base_hash,
            "default_steps": self._engine.default_steps,
            "device": self._device,
            "job": self._jobs[0] if self._jobs else None,
            "jobs": list(self._jobs),
            "silence_seconds": round(self._hang_watchdog.silence, 1) if self._hang_watchdog else 0.0,
            "gpu": _gpu_memory(self._device),
            "rss_mb": round(self._process.memory_info().rss / 2**20, 1),
            "peak_rss_mb": round(_peak_rss_bytes() / 2**20, 1),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": self._started,
            "beat_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            self._changed.clear()
            try:
                await self._broker.beat(self._worker_id, self.info())
            except BrokerError as error:
                logger.warning("heartbeat: %s", error)
            await asyncio.sleep(_AT_MOST_EVERY)
            try:
                async with asyncio.timeout(_INTERVAL - _AT_MOST_EVERY):
                    await self._changed.wait()
            except TimeoutError:
                continue


def _peak_rss_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes on Linux, bytes on macOS


def _gpu_memory(device: str) -> dict[str, float] | None:
    """Memory in MiB of the whole device (``used_mb``, ``total_mb``) and what this process keeps
    (``reserved_mb``); None without a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not device.startswith("cuda"):
        return None
    try:
        free, total = torch.cuda.mem_get_info(device)
    except RuntimeError:  # a device in trouble must not keep the heartbeat from telling the rest
        return None
    return {
        "used_mb": round((total - free) / 2**20, 1),
        "total_mb": round(total / 2**20, 1),
        "reserved_mb": round(torch.cuda.memory_reserved(device) / 2**20, 1),
    }
