"""A barrier for the jobs of a batch: all load their inputs, one run computes them, each gets its outcome.

Everything else stays the job's own: its delivery, its attempt, its cancel requests, its progress, its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial

from app.jobs.job import JobKind
from app.worker.preemption import Preemption
from app.worker.results import Outcome
from app.worker.work_item import Done, WorkItem

_STRAGGLERS = 2.0  # s that those who have arrived wait for inputs that are slow to read

Compute = Callable[[Sequence[WorkItem], Done], None]


class BatchBarrier:
    """Jobs that are computed together: ``expect`` each, then ``close``; each calls ``compute`` or ``leave``.

    The run starts when everybody who was expected has arrived or left, and nobody more is expected; those who
    come later than ``stragglers`` seconds after that are computed in a run of their own. A run of jobs of a
    moment takes the thread between two steps of a longer one that goes on: ``preemption``.
    """

    def __init__(
        self,
        compute: Compute,
        executor: Executor,
        *,
        stragglers: float = _STRAGGLERS,
        preemption: Preemption | None = None,
    ) -> None:
        self._compute = compute
        self._executor = executor
        self._preemption = preemption
        self._stragglers = stragglers
        self._missing = 0
        self._closed = False
        self._arrived: list[tuple[WorkItem, asyncio.Future[Outcome]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._runs: set[asyncio.Future[None]] = set()
        self.brief = False  # once begun: whether every job of the first run is a matter of a moment
        self.begun = asyncio.Event()  # the first run is with the compute thread
        self.computed = asyncio.Event()  # everybody who was expected has arrived or left, and is computed

    def expect(self) -> None:
        """One more is coming."""
        self._missing += 1

    def close(self) -> None:
        """Nobody more is expected."""
        self._closed = True
        self._look()

    def leave(self) -> None:
        """One of those expected does not come."""
        self._missing -= 1
        self._look()

    async def compute(self, work: WorkItem) -> Outcome:
        """One of those expected is here. Its outcome, or raises what its run raised."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._arrived.append((work, outcome))
        self._missing -= 1
        self._look()
        return await outcome

    def _look(self) -> None:
        self._mark()
        if not self._closed or not self._arrived:
            return
        if self._missing <= 0:
            self._start()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._stragglers, self._start)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        members, self._arrived = self._arrived, []
        if not members:
            return
        loop = asyncio.get_running_loop()

        def done(position: int, result: Outcome | Exception) -> None:  # in the compute thread
            loop.call_soon_threadsafe(_settle, members[position][1], result)

        def run() -> None:
            try:
                self._compute([work for work, _ in members], done)
            except Exception as error:
                for position in range(len(members)):
                    done(position, error)  # counts for those who have no outcome yet

        brief = all(work.brief for work, _ in members)
        if self._preemption is not None and any(work.job.kind is not JobKind.STYLIZE for work, _ in members):
            self._preemption.begin()
        # With the context: lines that are logged in the thread name what the event loop's do.
        in_context = partial(copy_context().run, run)
        offered = self._preemption.offer(in_context) if brief and self._preemption is not None else None
        running = (
            asyncio.wrap_future(offered)
            if offered is not None
            else loop.run_in_executor(self._executor, in_context)
        )
        self._runs.add(running)
        running.add_done_callback(self._end)
        if not self.begun.is_set():
            self.brief = brief
            self.begun.set()

    def _end(self, running: asyncio.Future[None]) -> None:
        self._runs.discard(running)
        self._mark()

    def _mark(self) -> None:
        if self._closed and self._missing <= 0 and not self._arrived and not self._runs:
            self.computed.set()


def _settle(outcome: asyncio.Future[Outcome], result: Outcome | Exception) -> None:
    if outcome.done():
        return
    if isinstance(result, Exception):
        outcome.set_exception(result)
    else:
        outcome.set_result(result)
