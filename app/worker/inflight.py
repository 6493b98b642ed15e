"""The batch of jobs that a worker runs at the moment, and the task of each job."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from app.infra.asyncio_utils import end
from app.jobs.job import Job, JobKind
from app.worker.batch_barrier import BatchBarrier

logger = logging.getLogger(__name__)

Runs = list[asyncio.Task[None]]


class RunLostError(Exception):
    """A run ended with a cancellation that nobody asked for: the worker goes on, and the job comes again."""


@dataclass(eq=False)
class InflightBatch:
    """A batch and the runs of its jobs, which go on until each job's end is stored and told."""

    batch: BatchBarrier
    runs: Runs = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    dropped: bool = False

    def add(self, job: Job, run: asyncio.Task[None]) -> None:
        """A job that was begun."""
        self.jobs.append(job)
        self.runs.append(run)

    @property
    def learns(self) -> bool:
        """Whether styles are learned in it."""
        return any(job.kind is not JobKind.STYLIZE for job in self.jobs)

    @property
    def unharmed(self) -> bool:
        """Whether no earlier attempt at one of the jobs has ended its worker."""
        return all(job.counted == 1 for job in self.jobs)

    async def begun(self) -> None:
        """Until the jobs are with the compute thread, or have ended without it."""
        await self._while_runs_go_on(self.batch.begun)

    async def computed(self) -> None:
        """Until the compute thread is free again: what is left of the jobs is to store and to tell."""
        await self._while_runs_go_on(self.batch.computed)

    async def finished(self) -> None:
        """Until every job has ended. Raises the first error of a run, after all of them have ended."""
        ends = await asyncio.gather(*self.runs, return_exceptions=True)
        errors = [self._reason(error) for error in ends if isinstance(error, BaseException)]
        for error in errors[1:]:
            logger.error("another job in hand was dropped and will be delivered again", exc_info=error)
        if errors:
            raise errors[0]

    async def drop(self) -> None:
        """Cancel what still runs."""
        self.dropped = True
        for run in self.runs:
            await end(run)

    def _reason(self, error: BaseException) -> BaseException:
        if self.dropped or not isinstance(error, asyncio.CancelledError):
            return error
        lost = RunLostError("a run was canceled, and by nobody: what it waited for was")
        lost.__cause__ = error  # where that was
        return lost

    async def _while_runs_go_on(self, event: asyncio.Event) -> None:
        waiting = asyncio.create_task(event.wait())
        going = set(self.runs)
        try:
            while going and not event.is_set():
                done, _ = await asyncio.wait({waiting, *going}, return_when=asyncio.FIRST_COMPLETED)
                going -= done
        finally:
            await end(waiting)
