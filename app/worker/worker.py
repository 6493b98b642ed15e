"""The worker's loop: pull a job, run it, next."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

from PIL.Image import Image

from app.infra.blobs import Blobs
from app.infra.broker import LANES, Broker, BrokerError, Delivery
from app.infra.db import Sessions
from app.infra.logs import log_context
from app.infra.tasks import end
from app.jobs.ledger import Ledger
from app.worker.attempt import Attempt, Resources, StopReason, settle
from app.worker.heartbeat import Heartbeat
from app.worker.ports import EngineLike, ReadStyle
from app.worker.schedule import PullOrder

logger = logging.getLogger(__name__)

_PULL_SECONDS = 30.0  # one look at an empty queue; ends at once when the worker is to stop
_KEEP_ALIVE = 1.0  # s between signs of life for the job in hand; the broker waits for 5
_PAUSE = 1.0  # s after the queue or the ledger did not answer

T = TypeVar("T")


class Worker:
    """Runs jobs of all kinds, one at a time, until ``stop``.

    ``preview`` is the photo on which an adaptation without contents shows its progress; ``grace`` is
    how many seconds a running job may go on after ``stop`` before it is given back.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Ledger,
        sessions: Sessions,
        blobs: Blobs,
        engine: EngineLike,
        read_style: ReadStyle,
        preview: Image | None = None,
        device: str = "cpu",
        max_attempts: int = 3,
        grace: float = 5.0,
    ) -> None:
        self.id = f"{socket.gethostname().replace('.', '-')}-{os.getpid()}-{uuid4().hex[:6]}"
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")
        self._resources = Resources(
            broker=broker,
            ledger=ledger,
            sessions=sessions,
            blobs=blobs,
            engine=engine,
            read_style=read_style,
            preview=preview,
            executor=self._executor,
            max_attempts=max_attempts,
        )
        self._broker = broker
        self._ledger = ledger
        self._order = PullOrder(LANES)
        self._heartbeat = Heartbeat(broker, self.id, engine, device=device)
        self._grace = grace
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Take no more jobs; let the current one finish within the grace, else give it back."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until ``stop``. A broker or ledger that is away is waited for."""
        beating = asyncio.create_task(self._heartbeat.run(), name="heartbeat")
        logger.info("worker %s is ready", self.id)
        try:
            while not self._stopping.is_set():
                try:
                    delivery = await self._until_stopped(
                        self._broker.next_job(self._order.next(), timeout=_PULL_SECONDS)
                    )
                    if delivery is not None:
                        self._order.served(delivery.kind)
                        with log_context(
                            worker_id=self.id, job_id=delivery.job_id, request_id=delivery.request_id
                        ):
                            await self._handle(delivery)
                except BrokerError as error:
                    logger.warning("%s", error)
                    await self._until_stopped(asyncio.sleep(_PAUSE))
                except Exception:
                    # Most likely the database is away. The job was not acknowledged: it comes again.
                    logger.exception("the job in hand was dropped and will be delivered again")
                    await self._until_stopped(asyncio.sleep(_PAUSE))
        finally:
            await end(beating)
            with suppress(BrokerError):
                await self._broker.forget(self.id)
            self._executor.shutdown(wait=False, cancel_futures=True)
            logger.info("worker %s has stopped", self.id)

    async def _handle(self, delivery: Delivery) -> None:
        alive = asyncio.create_task(_keep_alive(delivery), name=f"alive-{delivery.job_id}")
        try:
            draw = await self._ledger.draw(delivery.ticket, self.id)
            if draw.job_id is None:
                logger.warning("%s is in the queue but not in the ledger: dropped", delivery.ticket)
                await delivery.ack()
                return
            job = draw.job
            if job is None:
                await settle(self._broker, self._ledger, delivery, draw.job_id)
                return
            logger.info("%s (%s) begins, attempt %d", job.id, job.kind.value, job.attempt)
            self._heartbeat.works_on(job.id)
            attempt = Attempt(job, delivery, self._resources)
            closing = asyncio.create_task(self._close(attempt), name=f"closing-{job.id}")
            try:
                await attempt.run()
            finally:
                await end(closing)
                self._heartbeat.works_on(None)
        finally:
            await end(alive)

    async def _close(self, attempt: Attempt) -> None:
        await self._stopping.wait()
        await asyncio.sleep(self._grace)
        attempt.stop(StopReason.SHUTDOWN)

    async def _until_stopped(self, work: Awaitable[T]) -> T | None:
        """The result of ``work``, or None when the worker was asked to stop first."""
        task: asyncio.Future[T] = asyncio.ensure_future(work)
        stopping: asyncio.Task[Any] = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            return None
        finally:
            await end(stopping)
            await end(task)


async def _keep_alive(delivery: Delivery) -> None:
    while True:
        await asyncio.sleep(_KEEP_ALIVE)
        try:
            await delivery.in_progress()
        except BrokerError as error:
            logger.warning("%s", error)
