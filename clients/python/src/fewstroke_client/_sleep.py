"""Pauses, and the clock, of both clients; in one place, so that tests can replace them."""

from __future__ import annotations

import asyncio
import time


async def async_sleep(seconds: float) -> None:
    """Pause the task."""
    await asyncio.sleep(seconds)


def sync_sleep(seconds: float) -> None:
    """Pause the thread."""
    time.sleep(seconds)


def now() -> float:
    """Seconds that only grow."""
    return time.monotonic()
