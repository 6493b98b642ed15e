"""Resolve host names of receivers; a slow name holds up nobody but its owner.

The system's resolver blocks a thread for as long as it likes, also when its answer is no longer wanted. So
look-ups have threads of their own (the event loop's few also look up database and broker), owners take
turns, each has two at most, and what failed is not asked again at once.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address
from time import monotonic

from app.infra.fair_semaphore import FairSemaphore

_AT_ONCE = 32  # threads
_EACH = 2  # of one owner
_SECONDS = 3.0
_REMEMBERED = 30.0  # s for which a name that failed is not looked up again
_MOST = 1000  # such names

_owner: ContextVar[str] = ContextVar("webhook_owner", default="")


class NameUnresolvedError(OSError):
    """A name has no address now, for a reason that may be ours."""


@contextmanager
def asking_for(owner: str) -> Iterator[None]:
    """Look-ups of this task are on behalf of this owner."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


class Resolver:
    """Looks names up. ``ask`` is the blocking call."""

    def __init__(
        self,
        ask: Callable[[str, int], Sequence[str]] | None = None,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._ask = ask or _ask_system
        self._clock = clock
        self._semaphore = FairSemaphore(_AT_ONCE, each=_EACH)
        self._failed: dict[tuple[str, str], tuple[float, Exception]] = {}
        self._running: set[asyncio.Task[Sequence[str]]] = set()

    async def look_up(self, host: str, port: int) -> list[str]:
        """The addresses of a name. Raises OSError; NameUnresolvedError when that need not be its fault."""
        try:
            return [str(ip_address(host.strip("[]")))]
        except ValueError:
            pass
        owner = _owner.get()
        until, failure = self._failed.get((owner, host), (0.0, None))
        if failure is not None and self._clock() < until:
            raise failure.with_traceback(None)
        # The turn ends with the thread, however long that takes: else there would soon be too many.
        task = asyncio.create_task(self._in_turn(owner, host, port), name=f"look-up-{host}")
        self._running.add(task)
        task.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(_SECONDS):
                return list(await asyncio.shield(task))
        except TimeoutError:
            failure = NameUnresolvedError(f"the address of {host} was not told within {_SECONDS:g} seconds")
        except socket.gaierror as error:
            again = error.errno == socket.EAI_AGAIN
            failure = NameUnresolvedError(f"{host}: {error}") if again else error
        while len(self._failed) >= _MOST:
            self._failed.pop(next(iter(self._failed)))
        self._failed[owner, host] = (self._clock() + _REMEMBERED, failure)
        raise failure

    async def _in_turn(self, owner: str, host: str, port: int) -> Sequence[str]:
        async with self._semaphore.turn(owner):
            return await _in_thread(lambda: self._ask(host, port))

    def _ended(self, task: asyncio.Task[Sequence[str]]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, should nobody wait for it any more


async def _in_thread(ask: Callable[[], Sequence[str]]) -> Sequence[str]:
    """A daemon's: the process does not wait for it when it ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(addresses: Sequence[str] | None, error: Exception | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(addresses or ())

    def run() -> None:
        addresses: Sequence[str] | None = None
        problem: Exception | None = None
        try:
            addresses = ask()
        except Exception as error:  # handed over
            problem = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, addresses, problem)

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return await answer


def _ask_system(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
