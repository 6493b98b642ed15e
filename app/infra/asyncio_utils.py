"""Cancel background tasks and wait until they have ended."""

import asyncio
from typing import Any

_AGAIN = 5.0  # s; a second cancellation in the middle of a clean-up does harm, see below


async def end(task: asyncio.Future[Any]) -> None:
    """Cancel a task and wait until it has ended; its outcome is dropped.

    Cancels again until it has: on Python 3.11 ``asyncio.wait_for``, which client libraries use, loses a
    cancellation that comes together with the result. But not soon: a cancellation that meets SQLAlchemy
    while it closes a SQLite connection leaves a task behind that never ends (aiosqlite waits for a thread
    that has left), and the event loop cannot be closed. For the same reason no task that may use the
    database is canceled without being waited for.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN)
    if not task.cancelled():
        task.exception()  # seen: no warning about an error that nobody fetched
