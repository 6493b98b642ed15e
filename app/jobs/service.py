"""Submit, cancel and wait for jobs: the ledger and the queue kept together."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

from app.infra.broker import Broker, BrokerUnavailableError, EndWatch
from app.jobs.job import Job, JobState
from app.jobs.ledger import Ledger, NewJob

logger = logging.getLogger(__name__)

_EPOCH_SECONDS = 1.0  # which storage the queue is in is asked so often, not for each of many jobs
_SHORTEST = 0.05  # s for the broker to say that it listens
_LOOK_EVERY = 2.0  # s between looks at the ledger while waiting for an event that may never come


class JobService:
    """Keeps ledger and queue together.

    ``max_active`` bounds the unfinished jobs of all (QueueFullError), ``max_per_owner`` those of one owner
    (QuotaExceededError).
    """

    def __init__(
        self, ledger: Ledger, broker: Broker, *, max_active: int, max_per_owner: int | None = None
    ) -> None:
        self.ledger = ledger
        self._broker = broker
        self._epoch: datetime | None = None
        self._epoch_at = 0.0
        self._max_active = max_active
        self._max_per_owner = max_per_owner

    async def ensure_room(self, owner: str | None = None) -> None:
        """Raise QueueFullError or QuotaExceededError early, before the files of a request are read."""
        await self.ledger.ensure_room(self._max_active, owner=owner, max_per_owner=self._max_per_owner)

    async def create(self, new: NewJob) -> Job:
        """Make the job durable. Raises QueueFullError, QuotaExceededError. Then call ``enqueue``."""
        return await self.ledger.create(new, max_active=self._max_active, max_per_owner=self._max_per_owner)

    async def enqueue(self, job: Job) -> None:
        """Tell the queue. The job stands even when the queue is away, or this process dies before."""
        await self.announce(job.id, JobState.QUEUED)
        await self.publish(job, epoch_age=_EPOCH_SECONDS)

    async def publish(self, job: Job, *, epoch_age: float = 0.0) -> bool:
        """Put the job's ticket into the queue. False: the broker is away; the reconciler will do it.

        ``epoch_age``: how many seconds ago it may have been that the queue was asked which storage it is in.
        """
        try:
            epoch = await self._jobs_epoch(epoch_age)
            await self._broker.publish_job(job.lane, job.ticket)
        except BrokerUnavailableError as error:
            logger.warning("job %s is not in the queue yet: %s", job.id, error.detail)
            return False
        await self.ledger.mark_published(job.ticket, epoch=epoch)
        return True

    async def _jobs_epoch(self, age: float) -> datetime:
        """The queue's storage. Asked before a ticket is published: should the storage be replaced in between,
        the job counts as lost, not as known, and gets another ticket."""
        now = asyncio.get_running_loop().time()
        if self._epoch is None or now - self._epoch_at >= age:
            self._epoch = await self._broker.jobs_epoch()
            self._epoch_at = now
        return self._epoch

    async def cancel(self, job_id: str) -> Job:
        """Cancel at once (queued) or ask the worker to (running). Raises JobNotCancelableError."""
        job = await self.ledger.request_cancel(job_id)
        await self.announce(job.id, job.state)
        if not job.state.terminal:
            with suppress(BrokerUnavailableError):  # the worker also looks at the ledger
                await self._broker.request_cancel(job_id)
        return job

    async def announce(self, job_id: str, state: JobState) -> None:
        """Publish a state event. Events are a courtesy: without a broker there are none."""
        try:
            await self._broker.publish_event(job_id, "state", {"state": state})
        except BrokerUnavailableError as error:
            logger.warning("job %s: event %s was not published: %s", job_id, state, error.detail)

    async def wait(self, job_id: str, seconds: float, *, gone: Callable[[], Awaitable[bool]]) -> Job:
        """The job once it is terminal, or as it is after ``seconds`` or when the client is ``gone``.

        Events say when to look at the ledger; the ledger says what is true. A slow look from time to
        time covers a worker that died between its commit and its last event.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        watch: EndWatch | None = None
        with suppress(BrokerUnavailableError):
            watch = await self._broker.watch_end(job_id, within=max(min(_LOOK_EVERY, seconds), _SHORTEST))
        try:
            while True:
                job = await self.ledger.get(job_id)
                remaining = deadline - clock()
                if job.state.terminal or remaining <= 0 or await gone():
                    return job
                pause = min(_LOOK_EVERY, remaining)
                if watch is None or watch.over.is_set():
                    await asyncio.sleep(pause)
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await watch.over.wait()
        finally:
            if watch is not None:
                await watch.close()
