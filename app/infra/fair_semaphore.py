"""A semaphore that lets owners in by turns, not by order of arrival.

The queue of jobs has its own (`app.jobs.fair_queue`, shared by all processes). This is for the stages of one
process: decoders, exports, look-ups, uploads in hand, requests that begin. However much one owner asks for,
another waits for no more than what is in hand at the moment.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairSemaphore:
    """At most ``at_once`` in all and ``each`` of one owner are inside."""

    def __init__(self, at_once: int, *, each: int | None = None) -> None:
        self._free = at_once
        self._each = at_once if each is None else each
        self._inside: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()  # whose turn is first

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Wait for a turn of this owner, and have it until the end of the block."""
        await self._enter(owner)
        try:
            yield
        finally:
            self._leave(owner)

    async def begin(self, owner: str) -> None:
        """Wait for a turn that lasts until the event loop's next pass: for what computes before it waits."""
        await self._enter(owner)
        asyncio.get_running_loop().call_soon(self._leave, owner)

    async def _enter(self, owner: str) -> None:
        if self._free and self._inside[owner] < self._each and owner not in self._waiting:
            self._admit(owner)
            return
        ticket = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(ticket)
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.done() and not ticket.cancelled():
                self._leave(owner)  # let in at the same moment
            else:
                self._forget(owner, ticket)
            raise

    def _admit(self, owner: str) -> None:
        self._free -= 1
        self._inside[owner] += 1

    def _leave(self, owner: str) -> None:
        self._free += 1
        self._inside[owner] -= 1
        if not self._inside[owner]:
            del self._inside[owner]
        self._next()

    def _next(self) -> None:
        """Let in who is next, as long as there is room."""
        while self._free:
            owner = next((name for name in self._waiting if self._inside[name] < self._each), None)
            if owner is None:
                return
            ticket = self._waiting[owner].popleft()
            self._waiting.move_to_end(owner)
            if not self._waiting[owner]:
                del self._waiting[owner]
            if not ticket.done():
                self._admit(owner)
                ticket.set_result(None)

    def _forget(self, owner: str, ticket: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(owner)
        if waiting is not None and ticket in waiting:
            waiting.remove(ticket)
            if not waiting:
                del self._waiting[owner]
