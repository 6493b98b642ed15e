"""A flag that says that this process is stopping, so that streams and waiting requests end."""

import asyncio


class ShutdownFlag:
    """Set once, by a signal handler; seen by the tasks of the event loop it was ``opened`` in."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def opened(self) -> None:
        """Call when the loop runs."""
        self._loop = asyncio.get_running_loop()

    def begin(self) -> None:
        """The process ends. From any thread, and from a signal handler."""
        if self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._event.set)

    def __bool__(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        """Return when the process is about to end."""
        await self._event.wait()
