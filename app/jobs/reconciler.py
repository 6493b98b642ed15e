"""Republish the queue messages of jobs that the ledger has and the queue lost.

Runs in every API process. Publishing twice is harmless: the queue drops a repeated message id, and
the ledger's attempts fence a job that is delivered twice.
"""

import asyncio
import logging
from datetime import timedelta

from app.infra.broker import Broker
from app.infra.logs import NotAgain, reason
from app.jobs.job import JobState
from app.jobs.service import JobService

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())

_MEND_EVERY = 10.0  # s
_PATIENCE = timedelta(seconds=25)  # for a worker that was asked to cancel: a step takes a few
_GRACE = timedelta(seconds=3)  # the request that created a job publishes it itself within this time


class Reconciler:
    """``every`` and ``expires_after`` in seconds."""

    def __init__(self, jobs: JobService, broker: Broker, *, every: float, expires_after: float) -> None:
        self._jobs = jobs
        self._broker = broker
        self._every = every
        self._expires_after = timedelta(seconds=expires_after)

    async def mend(self) -> int:
        """Take messages out of the queue that no worker gets any more; how many. Should a job hang on one, it
        gets another ticket first."""
        forgotten = await self._broker.forgotten()
        for message in forgotten:
            holder = await self._jobs.ledger.holder(message.ticket)
            if holder is not None and (renewed := await self._jobs.ledger.renew_ticket(holder)) is not None:
                await self._jobs.publish(renewed)
            await self._broker.drop(message)
        if forgotten:
            logger.warning("took %d messages out of the queue that nobody would get", len(forgotten))
        return len(forgotten)

    async def run(self) -> None:
        """Reconcile until canceled; a failing round is logged and tried again."""
        clock = asyncio.get_running_loop().time
        mended = clock()
        while True:
            try:
                await self.reconcile()
                if clock() - mended >= _MEND_EVERY:
                    mended = clock()
                    await self.mend()
            except Exception as error:
                logger.warning("reconciling failed and will be tried again: %s", reason(error))
            await asyncio.sleep(self._every)

    async def reconcile(self) -> int:
        """One round; returns how many jobs were published again."""
        for job in await self._jobs.ledger.expire(self._expires_after):
            await self._jobs.announce(job.id, JobState.EXPIRED)
        for job in await self._jobs.ledger.end_canceling(_PATIENCE):
            logger.warning("job %s is canceled although its worker %s did not stop", job.id, job.worker_id)
            await self._jobs.announce(job.id, JobState.CANCELED)
        published = 0
        # The request died between commit and publish, or found no broker. The same ticket: should the
        # publish have happened and only its record be missing, the queue drops the repeated id.
        for job in await self._jobs.ledger.unpublished(_GRACE):
            published += await self._jobs.publish(job)
        # The queue's storage is another one than the publish went to: the ticket is lost. A new one, so
        # that it cannot be taken for a repeated one; the ledger knows it before the queue does.
        epoch = await self._broker.jobs_epoch()
        for lost in await self._jobs.ledger.lost(epoch):
            renewed = await self._jobs.ledger.renew_ticket(lost)
            if renewed is not None:
                published += await self._jobs.publish(renewed)
        if published:
            logger.info("published %d jobs again", published)
        return published
