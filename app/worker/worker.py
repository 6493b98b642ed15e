"""The worker's loop: pull a job and those that may join it, run them, repeat."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from typing import Any, TypeVar
from uuid import uuid4

from PIL.Image import Image

from app.imaging.decoder_pool import Decoder
from app.infra.asyncio_utils import end
from app.infra.blobs import Blobs
from app.infra.broker import LANES, Broker, BrokerError, Delivery
from app.infra.db import Sessions, is_away, utcnow
from app.infra.facts import BASE, read_fact
from app.infra.logs import NotAgain, log_context, reason
from app.jobs.fair_queue import Fits, NotNow
from app.jobs.job import Job, JobKind
from app.jobs.lanes import BATCH
from app.jobs.ledger import Ledger
from app.jobs.tracing import about_job, job_span
from app.provenance.label import NO_LABEL, Label
from app.provenance.signer import Signer
from app.settings import Settings
from app.worker.batch_attempt import BatchAttempt, PhotoWork
from app.worker.batch_barrier import BatchBarrier
from app.worker.batching import BatchAdmission, BatchPolicy
from app.worker.failures import GuardedEngine
from app.worker.hang_watchdog import HangWatchdog
from app.worker.heartbeat import Heartbeat
from app.worker.inflight import InflightBatch
from app.worker.interfaces import EngineLike, ReadStyle
from app.worker.job_attempt import Attempt, Resources, StopReason, settle
from app.worker.photo_process import NICEST, PhotoProcess
from app.worker.preemption import Preemption
from app.worker.queue_order import PullOrder
from app.worker.run_batch import compute
from app.worker.run_generation import LoadModality, compute_works
from app.worker.spare_time import SpareTime
from app.worker.work_item import Done, WorkItem
from model.modalities import load_modality
from model.modality import IMAGE

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())

_PULL_SECONDS = 30.0  # one look at an empty queue; ends at once when the worker is to stop
_KEEP_ALIVE = 1.0  # s between signs of life for the job in hand; the broker waits for 5
_PAUSE = 1.0  # s after the queue or the ledger did not answer

_HANG_SECONDS = 300.0
_OTHER_BASE_LOOK = 2.0  # s between two looks at which base the service runs

_BEHIND = 2  # batches whose results are being stored while the next one is computed
_DROPPED = "the job in hand was dropped and will be delivered again"

T = TypeVar("T")


class Worker:
    """Runs jobs of all kinds, computing one batch at a time, until ``stop``.

    A batch of photos goes on beside all that, in a process of its own and only in the time that nothing else
    takes (``app.worker.photo_process``): the worker takes one when nothing waits in any other lane.

    Photos of a moment do not wait for styles that are learned: they are computed between two inner steps
    (``app.worker.preemption``). Their ends overlap: the inputs of the next are read and the results of the
    last are stored while one is computed (decision 54).

    ``preview`` is the photo on which an adaptation without contents shows its progress; ``batches`` says
    how many jobs may make a batch (default: one); ``computing`` has the one thread that ``engine`` runs in
    (default: a new one), and is shut down at the end; ``grace`` is how many seconds a running job may go on
    after ``stop`` before it is given back. ``engine`` is that of pictures; ``modalities`` loads another one,
    in the compute thread, when its first job comes. ``watermark`` is the service's number in the watermarks
    of its pictures; None: they get none. ``label`` has the text and the font of labels that people see; where
    they stand each job says. ``photos`` draws those of batches, as ``settings`` bound them; None: this worker
    takes no batches.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        ledger: Ledger,
        sessions: Sessions,
        blobs: Blobs,
        signer: Signer,
        watermark: int | None = None,
        label: Label = NO_LABEL,
        engine: EngineLike,
        read_style: ReadStyle,
        preview: Image | None = None,
        device: str = "cpu",
        max_attempts: int = 3,
        batches: BatchPolicy | None = None,
        computing: ThreadPoolExecutor | None = None,
        grace: float = 5.0,
        hang_watchdog: HangWatchdog | None = None,
        modalities: LoadModality = load_modality,
        photos: PhotoProcess | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.id = f"{socket.gethostname().replace('.', '-')}-{os.getpid()}-{uuid4().hex[:6]}"
        self._executor = computing or ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")
        self._hang_watchdog = hang_watchdog or HangWatchdog(_HANG_SECONDS)
        self._resources = Resources(
            broker=broker,
            ledger=ledger,
            sessions=sessions,
            blobs=blobs,
            signer=signer,
            watermark=watermark,
            label=label,
            max_attempts=max_attempts,
            hang_watchdog=self._hang_watchdog,
        )
        self._sessions = sessions
        self._broker = broker
        self._ledger = ledger
        self._engine = engine
        self._batches = batches or BatchPolicy()
        self._guarded = GuardedEngine(engine)
        self._preemption = Preemption()
        self._compute = partial(
            compute,
            self._guarded,
            read_style,
            most=self._batches.most,
            default_preview=preview,
            preemption=self._preemption,
        )
        self._compute_works = partial(compute_works, cache(modalities), preemption=self._preemption)
        self._order = PullOrder([lane for lane in LANES if lane != BATCH])
        self._spare_time = SpareTime(photos.go_on if photos is not None else lambda _: None)
        self._photo_work = (
            PhotoWork(
                settings or Settings(),
                engine.base_hash,
                photos,
                Decoder(processes=1, niceness=NICEST),
                self._spare_time,
            )
            if photos is not None
            else None
        )
        self._photos: asyncio.Task[None] | None = None  # the batch of photos in hand
        self._heartbeat = Heartbeat(broker, self.id, engine, device=device, hang_watchdog=self._hang_watchdog)
        self._grace = grace
        self._ahead: InflightBatch | None = None
        self._behind: dict[InflightBatch, asyncio.Task[None]] = {}  # computed; their ends are being stored
        self._stopping = asyncio.Event()
        self._wanted_base = engine.base_hash
        self._base_seen = -_OTHER_BASE_LOOK

    def stop(self) -> None:
        """Take no more jobs; let the current one finish within the grace, else give it back."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until ``stop``. A broker or ledger that is away is waited for."""
        beating = asyncio.create_task(self._heartbeat.run(), name="heartbeat")
        watching = asyncio.create_task(self._hang_watchdog.watch(), name="hang-watchdog")
        logger.info("worker %s is ready", self.id)
        try:
            with log_context(worker_id=self.id):
                await self._work()
                await self._finish()
        finally:
            for inflight in (self._ahead, *self._behind):
                if inflight is not None:
                    await inflight.drop()  # cancelled: nothing else leaves one here
            if self._photos is not None:
                await end(self._photos)
            await end(watching)
            await end(beating)
            with suppress(BrokerError):
                await self._broker.forget(self.id)
            self._executor.shutdown(wait=False, cancel_futures=True)
            logger.info("worker %s has stopped", self.id)

    async def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                inflight, self._ahead = self._ahead, None
                if inflight is None:
                    inflight = await self._take()
                if inflight is not None:
                    await self._see_through(inflight)
            except BrokerError as error:
                logger.warning("%s", error)
                await self._until_stopped(asyncio.sleep(_PAUSE))
            except Exception as error:  # the job was not acknowledged: it comes again
                _tell_dropped(error)
                await self._until_stopped(asyncio.sleep(_PAUSE))

    async def _finish(self) -> None:
        """What was begun ends within the grace that each attempt gives itself."""
        if self._ahead is not None:
            await self._follow(self._ahead)
        while self._behind:
            await asyncio.wait(self._behind.values())
        if self._photos is not None:
            await asyncio.wait({self._photos})

    async def _see_through(self, inflight: InflightBatch) -> None:
        """Wait until the next batch may be computed: short jobs release the compute thread before their
        results are stored, long jobs after."""
        try:
            await inflight.begun()
            if not inflight.batch.brief:
                if inflight.learns and inflight.unharmed:
                    await self._render_meanwhile(inflight)
                await inflight.finished()
                return
            if inflight.unharmed:
                await self._look_ahead()
            await inflight.computed()
        except BaseException:
            await inflight.drop()
            raise
        while len(self._behind) >= _BEHIND:
            await asyncio.wait(self._behind.values(), return_when=asyncio.FIRST_COMPLETED)
        self._behind[inflight] = asyncio.create_task(self._follow(inflight))

    async def _follow(self, inflight: InflightBatch) -> None:
        """The end of jobs that are computed. What goes wrong is logged: their tickets come again."""
        try:
            await inflight.finished()
        except BrokerError as error:
            logger.warning("%s", error)
        except Exception as error:
            _tell_dropped(error)
        finally:
            self._behind.pop(inflight, None)

    async def _render_meanwhile(self, learning: InflightBatch) -> None:
        """While styles are learned, begin photos of a moment as they come: they are computed between two
        steps. Whatever fails here is left to the queue: the learning goes on."""
        learned = asyncio.create_task(learning.computed())
        try:
            while not self._stopping.is_set():
                next_photo = self._broker.next_job([JobKind.STYLIZE], timeout=_PULL_SECONDS)
                delivery = await self._until_stopped(_unless(learned, next_photo))
                if learned.done():
                    if delivery is not None:
                        await delivery.nak()
                    return
                try:
                    photo = None if delivery is None else await self._begin_batch(delivery, _harmless)
                except NotNow:  # its turn comes with the next look at all lanes
                    await asyncio.wait({learned}, timeout=_PAUSE)
                    continue
                if photo is None:
                    continue
                await photo.begun()
                self._behind[photo] = asyncio.create_task(self._follow(photo))
                if not photo.batch.brief:
                    return  # it waits for the thread, and nobody passes it over
                while len(self._behind) >= _BEHIND:
                    await asyncio.wait(self._behind.values(), return_when=asyncio.FIRST_COMPLETED)
        except Exception as error:
            logger.warning("photos wait until this style is learned: %s", reason(error))
        finally:
            await end(learned)

    async def _look_ahead(self) -> None:
        """While a moment's jobs are computed, begin those that come next, if they are of that sort: their
        inputs are then read when the compute thread is free. What fails here is left to the next look."""
        lanes = self._order.next()
        if self._stopping.is_set() or lanes[0] != JobKind.STYLIZE:
            return
        try:
            delivery = await self._broker.next_job(lanes[:1], timeout=0)
            if delivery is not None:
                self._ahead = await self._begin_batch(delivery, _harmless)
        except NotNow:
            return
        except Exception as error:
            logger.warning("the next job is begun when this one ends: %s", reason(error))

    async def _take(self) -> InflightBatch | None:
        if not await self._is_wanted():
            await self._until_stopped(asyncio.sleep(_OTHER_BASE_LOOK))
            return None
        lanes = self._order.next()
        if self._photo_work is not None and self._photos is None:
            lanes = [*lanes, BATCH]  # the last, whosever turn it is
        delivery = await self._until_stopped(self._broker.next_job(lanes, timeout=_PULL_SECONDS))
        if delivery is None:
            return None
        if delivery.kind == BATCH:
            await self._begin_photos(delivery)
            return None
        return await self._begin_batch(delivery)

    async def _begin_photos(self, delivery: Delivery) -> None:
        """Begin a batch of photos, which goes on beside whatever comes."""

        def start(job: Job, alive: asyncio.Task[None]) -> None:
            assert self._photo_work is not None
            attempt = BatchAttempt(job, delivery, self._resources, self._photo_work)
            self._photos = asyncio.create_task(self._draw_photos(attempt, alive), name=f"run-{job.id}")

        await self._begin(delivery, start)

    async def _draw_photos(self, attempt: BatchAttempt, alive: asyncio.Task[None]) -> None:
        try:
            await self._run(attempt, alive, grace=0.0)  # what is done is kept: nothing is lost
        except BrokerError as error:
            logger.warning("%s", error)
        except Exception as error:
            _tell_dropped(error)
        finally:
            self._photos = None

    async def _is_wanted(self) -> bool:
        """Whether the service runs this worker's base: what another one makes, nobody can use. Looked at now
        and then, because the service may have been started anew with another checkpoint."""
        now = asyncio.get_running_loop().time()
        if now - self._base_seen >= _OTHER_BASE_LOOK:
            self._base_seen = now
            self._wanted_base = await read_fact(self._sessions, BASE) or self._engine.base_hash
        if self._wanted_base != self._engine.base_hash:
            logger.warning(
                "this worker runs the base %s, the service %s: it takes no jobs; start it with the "
                "checkpoint of the service",
                self._engine.base_hash[:12],
                self._wanted_base[:12],
            )
            return False
        return True

    async def _begin_batch(self, delivery: Delivery, fits: Fits | None = None) -> InflightBatch | None:
        """Begin the job whose turn it is and those that may join it. None: there is nothing to run.

        Raises NotNow when the first does not fit; its ticket was given back.
        """
        with self._spare_time.taken():
            return await self._gather_batch(delivery, fits)

    async def _gather_batch(self, delivery: Delivery, fits: Fits | None) -> InflightBatch | None:
        inflight = InflightBatch(BatchBarrier(self._compute_all, self._executor, preemption=self._preemption))
        try:
            first = await self._begin(delivery, self._join(delivery, inflight), fits)
            self._order.served(delivery.kind)
            if first is None:
                return None
            if not inflight.unharmed and self._behind:  # should it end this process, it takes nobody along
                await asyncio.wait(self._behind.values())
            admission = BatchAdmission(first, self._batches, self._engine.default_steps)
            await self._gather(admission, delivery.kind, inflight)
            inflight.batch.close()
        except BaseException:
            await inflight.drop()
            raise
        return inflight

    def _compute_all(self, works: Sequence[WorkItem], done: Done) -> None:  # in the compute thread
        with self._hang_watchdog.beating():
            run = self._compute if works[0].job.modality == IMAGE else self._compute_works
            run(works, done=self._guarded.telling(done))

    async def _gather(self, admission: BatchAdmission, lane: str, inflight: InflightBatch) -> None:
        """Add jobs of the lane as long as it is their turn and they fit. Whatever fails here ends the search:
        the jobs that were begun go on."""
        until = asyncio.get_running_loop().time() + admission.patience(utcnow())
        while admission.open and not self._stopping.is_set():
            left = max(until - asyncio.get_running_loop().time(), 0.0)
            try:
                delivery = await self._until_stopped(self._broker.next_job([lane], timeout=left))
                if delivery is None:
                    return
                await self._begin(delivery, self._join(delivery, inflight), admission.fits)
            except NotNow:
                return
            except Exception as error:
                logger.warning("the batch begins without more jobs: %s", reason(error))
                return

    def _join(self, delivery: Delivery, inflight: InflightBatch) -> Callable[[Job, asyncio.Task[None]], None]:
        """What starts the run of a job in a batch of those that are computed together."""

        async def run(attempt: Attempt, alive: asyncio.Task[None]) -> None:
            with self._spare_time.taken():
                await self._run(attempt, alive, grace=self._grace)

        def start(job: Job, alive: asyncio.Task[None]) -> None:
            inflight.batch.expect()
            attempt = Attempt(job, delivery, self._resources, inflight.batch)
            inflight.add(job, asyncio.create_task(run(attempt, alive), name=f"run-{job.id}"))

        return start

    async def _begin(
        self,
        delivery: Delivery,
        start: Callable[[Job, asyncio.Task[None]], None],
        fits: Fits | None = None,
    ) -> Job | None:
        """Draw with a delivery and ``start`` the run of the job that is begun, with the task that keeps the
        delivery alive. None: there is nothing to run.

        Raises NotNow when the job does not fit; its ticket was given back.
        """
        alive = asyncio.create_task(_keep_alive(delivery), name=f"alive-{delivery.job_id}")
        handed_on = False
        try:
            draw = await self._ledger.draw(delivery.ticket, self.id, fits=fits)
            if draw.job_id is None:
                logger.warning("%s is in the queue but not in the ledger: dropped", delivery.ticket)
                await delivery.ack()
            elif draw.job is None:
                await settle(self._broker, self._ledger, delivery, draw.job_id)
            else:
                start(draw.job, alive)
                handed_on = True
            return draw.job
        except NotNow:
            await delivery.nak()
            raise
        finally:
            if not handed_on:
                await end(alive)

    async def _run(self, attempt: Attempt, alive: asyncio.Task[None], *, grace: float) -> None:
        job = attempt.job
        with about_job(job), job_span(job):
            logger.info("%s (%s) begins, attempt %d", job.id, job.kind.value, job.attempt)
            self._heartbeat.works_on(job.id)
            closing = asyncio.create_task(self._close(attempt, grace), name=f"closing-{job.id}")
            try:
                await attempt.run()
            finally:
                await end(closing)
                self._heartbeat.has_left(job.id)
                await end(alive)

    async def _close(self, attempt: Attempt, grace: float) -> None:
        await self._stopping.wait()
        await asyncio.sleep(grace)
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


async def _unless(over: asyncio.Task[Any], work: Awaitable[T]) -> T | None:
    """The result of ``work``, or None when ``over`` ends first."""
    task: asyncio.Future[T] = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        await end(task)


def _tell_dropped(error: Exception) -> None:
    if is_away(error):
        logger.warning("%s: %s", _DROPPED, reason(error))
    else:
        logger.error(_DROPPED, exc_info=error)


def _harmless(kind: JobKind, _modality: str, _params: Mapping[str, Any], unharmed: bool) -> bool:
    """What may be begun before the job in hand has ended."""
    return unharmed and kind is JobKind.STYLIZE


async def _keep_alive(delivery: Delivery) -> None:
    while True:
        await asyncio.sleep(_KEEP_ALIVE)
        try:
            await delivery.in_progress()
        except BrokerError as error:
            logger.warning("%s", error)
