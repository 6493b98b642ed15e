"""Notice a hanging compute thread, which otherwise ticks with every step, strip, picture and frame.

A thread that hangs in a library would keep its job for ever: the event loop beside it goes on telling the
queue that the job is in progress. On a machine that has no time for it, a thread is slow and does not hang:
what it has had of the processors tells the two apart.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, process_time
from typing import Any

logger = logging.getLogger(__name__)

HANGING = 74  # exit status, as of a device that is lost: starting again helps
_LOOK_EVERY = 1.0  # s
_IDLE = 0.05  # of a processor: with less, nothing is computed


class HangWatchdog:
    """``tick`` is called in any thread.

    Args:
        limit: seconds without a tick after which the process ends, unless it computes all the while and has
            not yet had as many seconds of a processor.
        leave: ends the process with a status.
        clock, spent: seconds that pass, and seconds of a processor that the process has had.
    """

    def __init__(
        self,
        limit: float,
        *,
        leave: Callable[[int], Any] = os._exit,
        clock: Callable[[], float] = monotonic,
        spent: Callable[[], float] = process_time,
    ) -> None:
        self._limit = limit
        self._leave = leave
        self._clock = clock
        self._spent = spent
        self._spent_at_tick = 0.0
        self._last: float | None = None  # None: nothing is computed

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Around what is computed, also in the midst of something longer."""
        outer = self._last
        self.tick()
        try:
            yield
        finally:
            self.tick()
            if outer is None:
                self._last = None

    def tick(self) -> None:
        """The thread goes on."""
        self._spent_at_tick = self._spent()
        self._last = self._clock()

    @property
    def silence(self) -> float:
        """Seconds since the last tick; 0 when nothing is computed."""
        last = self._last
        return 0.0 if last is None else self._clock() - last

    @property
    def hangs(self) -> bool:
        """Too long without a tick, and either idle or computing without end."""
        silence = self.silence
        had = self._spent() - self._spent_at_tick
        return silence > self._limit and not _IDLE * silence < had < self._limit

    async def watch(self) -> None:
        """End the process when it hangs: its jobs are delivered to others. Where it hung goes to standard
        error."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if self.hangs:
                logger.critical(
                    "nothing was computed for %.0f s: this worker ends, its jobs go to others", self.silence
                )
                faulthandler.dump_traceback(all_threads=True)
                logging.shutdown()
                self._leave(HANGING)
                return
