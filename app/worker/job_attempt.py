"""Run one attempt at a job: from the ledger's ``begin`` to a terminal state, or back into the queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from app.errors import AppError, ErrorCode
from app.infra.asyncio_utils import end
from app.infra.blobs import Blobs
from app.infra.broker import Broker, BrokerError, CancelWatch, Delivery
from app.infra.db import Sessions
from app.infra.logs import reason
from app.jobs.job import Job, JobState
from app.jobs.ledger import Ledger
from app.provenance.label import Label
from app.provenance.signer import Signer
from app.worker.batch_barrier import BatchBarrier
from app.worker.failures import explain, free_memory, is_out_of_memory
from app.worker.hang_watchdog import HangWatchdog
from app.worker.inputs import load_inputs
from app.worker.progress import ProgressReporter
from app.worker.results import Outcome, succeed_with
from app.worker.work_item import JobStopped, Step, WorkItem
from model.errors import AdaptationCanceled
from model.modality import Written

logger = logging.getLogger(__name__)

_LEDGER_POLL = 2.0  # s; a cancel request that was not heard, or another worker's attempt, is seen this late
_RETRY_DELAY = 3.0  # s before a job comes again whose inputs or results could not be read or stored


class StopReason(Enum):
    """Why a run is to end early."""

    CANCELED = "canceled"
    SHUTDOWN = "shutdown"
    FENCED = "fenced"  # another attempt has begun: whatever this one does no longer counts


@dataclass(frozen=True)
class Resources:
    """What every attempt of a worker shares."""

    broker: Broker
    ledger: Ledger
    sessions: Sessions
    blobs: Blobs
    signer: Signer
    watermark: int | None
    label: Label
    max_attempts: int
    hang_watchdog: HangWatchdog


class Attempt:
    """The run of ``job`` (as ``Ledger.begin`` returned it) for one delivery, in a ``batch`` that
    expects it; None: it is computed elsewhere.

    The caller keeps the delivery alive (``Delivery.in_progress``) until ``run`` returns.
    """

    def __init__(
        self, job: Job, delivery: Delivery, resources: Resources, batch: BatchBarrier | None
    ) -> None:
        self.job = job
        self._batch: BatchBarrier | None = batch
        self._delivery = delivery
        self._r = resources
        self._reason: StopReason | None = None
        self._watch: CancelWatch | None = None

    def stop(self, reason: StopReason) -> None:
        """Ask the run to end at the next inner step. The first reason counts."""
        if self._reason is None:
            self._reason = reason

    def _should_stop(self) -> bool:  # called in the compute thread
        self._r.hang_watchdog.tick()
        return self._is_to_stop()

    def _is_to_stop(self) -> bool:
        if self._watch is not None and self._watch.requested():
            self.stop(StopReason.CANCELED)
        return self._reason is not None

    def _ticking(self, on_step: Callable[[Step | Written], None]) -> Callable[[Step | Written], None]:
        def tick_and_tell(step: Step | Written) -> None:  # called in the compute thread
            self._r.hang_watchdog.tick()
            on_step(step)

        return tick_and_tell

    async def run(self) -> None:
        """Run to a terminal state, or give the job back. Raises what ledger and broker raise."""
        try:
            await self._run()
        finally:
            if self._batch is not None:  # the others must not wait for this one
                self._batch.leave()

    async def _run(self) -> None:
        job = self.job
        await announce(self._r.broker, job)
        try:
            self._watch = await self._r.broker.watch_cancel(job.id)
        except BrokerError as error:
            logger.warning("%s: cancel requests are read from the ledger only: %s", job.id, error)
        monitor = asyncio.create_task(self._monitor(), name=f"monitor-{job.id}")
        try:
            outcome = await self._compute()
            if outcome is not None:
                await self._store(outcome)
        finally:
            await end(monitor)
            if self._watch is not None:
                await self._watch.close()

    async def _compute(self) -> Outcome | None:
        """The result, or None when the run ended otherwise and all of that is done."""
        try:
            inputs = await load_inputs(self.job, self._r.sessions, self._r.blobs)
        except AppError as error:
            await self._fail(*explain(error))
            return None
        except Exception as error:
            await self._retry_later("read its inputs", error)
            return None
        reporter = ProgressReporter(self._r.broker, self.job.id)
        batch, self._batch = self._batch, None
        assert batch is not None
        try:
            label = self._r.label.at(self.job.params.get("label", "none"))
            return await batch.compute(
                WorkItem(self.job, inputs, self._ticking(reporter.on_step), self._should_stop, label)
            )
        except (AdaptationCanceled, JobStopped):
            await reporter.close()
            await self._stopped()
        except Exception as error:
            if is_out_of_memory(error):
                free_memory()
            logger.warning("%s failed", self.job.id, exc_info=error)
            await reporter.close()
            await self._fail(*explain(error))
        finally:
            await reporter.close()
        return None

    async def _store(self, outcome: Outcome) -> None:
        try:
            done = await succeed_with(
                self._r.ledger,
                self._r.blobs,
                self._r.signer,
                self.job,
                outcome,
                watermark=self._r.watermark,
            )
        except AppError as error:
            await self._fail(*explain(error))
            return
        except Exception as error:
            await self._retry_later("store its results", error)
            return
        if done or await self._r.ledger.confirm_canceled(self.job.id, self.job.attempt):
            await self._settle()
        else:
            self._log_fenced()

    async def _fail(self, code: ErrorCode, detail: str) -> None:
        if await self._r.ledger.fail(self.job.id, self.job.attempt, code=code, detail=detail):
            await self._settle()
        else:
            self._log_fenced()

    async def _stopped(self) -> None:
        """The engine stopped because it was asked to."""
        if self._reason is StopReason.FENCED:
            self._log_fenced()
        elif await self._r.ledger.confirm_canceled(self.job.id, self.job.attempt):
            await self._settle()
        elif await self._r.ledger.release(self.job.id, self.job.attempt):
            logger.info("%s goes back into the queue", self.job.id)
            await announce(self._r.broker, await self._r.ledger.get(self.job.id))
            await self._delivery.nak()
        else:
            self._log_fenced()

    async def _retry_later(self, what: str, error: Exception) -> None:
        """Storage did not answer: that is not the job's fault, so it comes again while attempts are left."""
        logger.error("%s could not %s", self.job.id, what, exc_info=error)
        if self.job.counted < self._r.max_attempts:
            await self._delivery.nak(delay=_RETRY_DELAY)
            return
        await self._fail(
            ErrorCode.SERVICE_UNAVAILABLE,
            f"The job could not {what} in {self.job.counted} attempts: submit it again later.",
        )

    async def _settle(self) -> None:
        await settle(self._r.broker, self._r.ledger, self._delivery, self.job.id)

    def _log_fenced(self) -> None:
        # Not acknowledged: the message now belongs to the worker that runs the newer attempt.
        logger.warning("%s: attempt %d was overtaken; its results are dropped", self.job.id, self.job.attempt)

    async def _monitor(self) -> None:
        """Look at the ledger now and then: for cancel requests that were not heard, and newer attempts."""
        while True:
            await asyncio.sleep(_LEDGER_POLL)
            try:
                now = await self._r.ledger.get(self.job.id)
            except Exception as error:
                logger.warning("%s: the ledger does not answer: %s", self.job.id, reason(error))
                continue
            if now.attempt != self.job.attempt or now.state not in (JobState.RUNNING, JobState.CANCELING):
                self.stop(StopReason.FENCED)
            elif now.state is JobState.CANCELING:
                self.stop(StopReason.CANCELED)


async def settle(broker: Broker, ledger: Ledger, delivery: Delivery, job_id: str) -> None:
    """Announce the terminal state that the ledger holds, then take the job's ticket off the queue.

    In that order: a worker that dies in between gets its message delivered again, finds the job
    terminal, and comes here once more. Raises BrokerUnavailableError with the same consequence.
    """
    job = await ledger.get(job_id)
    await announce(broker, job, must=True)
    await delivery.ack()
    logger.info("%s %s", job.id, job.state.value)


async def announce(broker: Broker, job: Job, *, must: bool = False) -> None:
    """Publish the job's state as an event. Unless it ``must`` arrive, a broker that is away is no error."""
    data: dict[str, Any] = {"state": job.state.value, "attempt": job.attempt}
    if job.error is not None:
        data["error"] = job.error
    try:
        await broker.publish_event(job.id, "state", data)
    except BrokerError as error:
        if must:
            raise
        logger.warning("%s: the state %s was not announced: %s", job.id, job.state.value, error)
