"""Ending background tasks for certain."""

import asyncio
from typing import Any

_AGAIN = 0.1  # s


async def end(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait until it has ended; its outcome is dropped.

    Cancels again until it has: on Python 3.11 ``asyncio.wait_for``, which client libraries use, loses a
    cancellation that comes together with the result.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN)
    if not task.cancelled():
        task.exception()  # seen: no warning about an error that nobody fetched
