"""Whether a worker has anything else in hand than a batch of photos, which has to wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class SpareTime:
    """Time that nobody else wants. ``on_change`` is told True when there is some, and False when it ends."""

    def __init__(self, on_change: Callable[[bool], None]) -> None:
        self._on_change = on_change
        self._others = 0
        self._some = asyncio.Event()
        self._some.set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Around work that goes before a batch."""
        self._others += 1
        if self._others == 1:
            self._some.clear()
            self._on_change(False)
        try:
            yield
        finally:
            self._others -= 1
            if not self._others:
                self._some.set()
                self._on_change(True)

    async def wait(self, seconds: float) -> bool:
        """Wait so long for some, at most; whether there is."""
        try:
            async with asyncio.timeout(seconds):
                await self._some.wait()
        except TimeoutError:
            return False
        return True
