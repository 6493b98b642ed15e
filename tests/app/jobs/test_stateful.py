"""Jobs under whatever order of submissions, cancels, retries, deaths, repeated deliveries and restarts.

Real ledger (SQLite), real blobs (a folder), and the code of service, worker, reconciler and sweeper around
them. The queue is a double: which message comes when, to how many workers, and what the queue forgets, is for
Hypothesis to choose. The invariants are looked at after every step; at the end every job must get somewhere.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from PIL import Image
from sqlalchemy import select

from app.errors import JobNotCancelableError, JobNotRetryableError
from app.ids import new_id
from app.images.tables import ImageRole, ImageRow
from app.infra.blobs import Blobs
from app.infra.broker import TERMINAL_STATES, Broker, BrokerUnavailableError, Delivery
from app.infra.db import Base, create_engine, create_sessions, utcnow
from app.job_hooks import JOB_HOOKS
from app.jobs import reconciler as reconciler_module
from app.jobs.job import ACTIVE_STATES, Job, JobKind, JobState
from app.jobs.ledger import Ledger, NewJob
from app.jobs.reconciler import Reconciler
from app.jobs.service import JobService
from app.jobs.tables import JobRow
from app.retention.orphans import sweep_orphans
from app.retries.retry import create_retry, plan_retry
from app.settings import Settings
from app.styles.tables import StyleRow
from app.stylizations.tables import StylizationRow
from app.worker.job_attempt import announce, settle
from app.worker.results import ImageOutcome, Outcome, StyleOutcome, succeed_with
from tests.support.signing import signer

MAX_ATTEMPTS = 3
WORKERS = 3
CONTENT = "img_content"
pick = st.integers(min_value=0, max_value=99)


class QueueDouble:
    """JetStream as far as jobs see it: tickets once each, events in order, a terminal event once."""

    def __init__(self) -> None:
        self.away = False
        self.tickets: dict[str, str] = {}  # to lanes
        self.known: set[str] = set()
        self.epoch = datetime(2026, 1, 1, tzinfo=UTC)
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def _must_be_there(self) -> None:
        if self.away:
            raise BrokerUnavailableError("the broker is away")

    async def publish_job(self, lane: str, ticket: str) -> None:
        self._must_be_there()
        if ticket not in self.known:
            self.known.add(ticket)
            self.tickets[ticket] = lane

    async def jobs_epoch(self) -> datetime:
        self._must_be_there()
        return self.epoch

    async def publish_event(self, job_id: str, event: str, data: dict[str, Any]) -> int:
        self._must_be_there()
        said = (job_id, event, data["state"])
        repeated = any((a, b, c["state"]) == said for a, b, c in self.events)
        if not (repeated and data["state"] in TERMINAL_STATES):
            self.events.append((job_id, event, data))
        return len(self.events)

    async def request_cancel(self, job_id: str) -> None:
        self._must_be_there()

    def lose_everything(self) -> None:
        self.tickets.clear()
        self.known.clear()
        self.epoch += timedelta(days=1)


@dataclass
class DeliveryDouble:
    """One delivery; any number of workers may hold one of the same ticket."""

    queue: QueueDouble
    ticket: str

    async def ack(self) -> None:
        self.queue._must_be_there()
        self.queue.tickets.pop(self.ticket, None)

    async def nak(self, *, delay: float = 0.0) -> None:
        self.queue._must_be_there()


@dataclass
class Hold:
    """A worker in the middle of an attempt."""

    job: Job
    delivery: Delivery


def machine(template: Path) -> type[RuleBasedStateMachine]:
    class Service(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.folder = Path(tempfile.mkdtemp())
            shutil.copy(template, self.folder / "fewstroke.db")
            self.runner = asyncio.Runner()
            configured = Settings(data_dir=self.folder)
            self.engine = create_engine(configured.database)
            self.sessions = create_sessions(self.engine)
            self.blobs = Blobs.open(configured)
            self.queue = QueueDouble()
            self.broker = cast(Broker, self.queue)
            self.ledger = Ledger(self.sessions, JOB_HOOKS, max_attempts=MAX_ATTEMPTS)
            self.service = JobService(self.ledger, self.broker, max_active=100)
            self.reconciler = Reconciler(self.service, self.broker, every=1, expires_after=3600)
            self.workers: list[Hold | None] = [None] * WORKERS
            self.ids: list[str] = []
            self.ended: dict[str, tuple[JobState, Any, Any]] = {}

        def run(self, work: Any) -> Any:
            return self.runner.run(work)

        def some_id(self, number: int) -> str:
            return self.ids[number % len(self.ids)]

        # Users -------------------------------------------------------------------------------------

        @initialize()
        def three_jobs_wait(self) -> None:
            self.run(self._submit("ada", JobKind.ADAPT, ""))
            self.run(self._submit("ada", JobKind.STYLIZE_ONCE, ""))
            self.run(self._submit("bob", JobKind.ADAPT, ""))

        @rule(
            owner=st.sampled_from(["ada", "bob"]),
            once=st.booleans(),
            dies=st.sampled_from(["", "blobs", "row"]),
        )
        def a_user_submits(self, owner: str, once: bool, dies: str) -> None:
            self.run(self._submit(owner, JobKind.STYLIZE_ONCE if once else JobKind.ADAPT, dies))

        async def _submit(self, owner: str, kind: JobKind, dies: str) -> None:
            job_id, style_id = new_id("job"), new_id("sty")
            roles = (
                [ImageRole.EXAMPLE, ImageRole.CONTENT]
                if kind is JobKind.STYLIZE_ONCE
                else [ImageRole.EXAMPLE]
            )
            rows: list[Base] = [StyleRow(id=style_id, job_id=job_id, owner=owner, created_at=utcnow())]
            ids: dict[str, list[str]] = {}
            for role in roles:
                key, image_id = f"uploads/{job_id}/{role}-0.png", new_id("img")
                await self.blobs.put(key, b"a picture")
                rows.append(_image(image_id, owner, job_id, role, key))
                ids[f"{role}s"] = [image_id]
            if dies == "blobs":
                return  # the API died before its transaction: orphans for the sweeper
            if kind is JobKind.STYLIZE_ONCE:
                made = new_id("stz")
                rows.append(
                    StylizationRow(
                        id=made, owner=owner, job_id=job_id, style_id=style_id, created_at=utcnow()
                    )
                )
            params = {**ids, "style_id": style_id, "seed": 0}
            new = NewJob(job_id, kind, params, style_id=style_id, owner=owner, rows=rows)
            job = await self.service.create(new)
            self.ids.append(job_id)
            if dies != "row":  # else it died before it told the queue
                await self.service.enqueue(job)

        @precondition(lambda self: self.ids)
        @rule(number=pick)
        def a_user_cancels(self, number: int) -> None:
            job_id = self.some_id(number)
            before = self.run(self.ledger.get(job_id))
            if before.state.terminal:
                with pytest.raises(JobNotCancelableError):
                    self.run(self.service.cancel(job_id))
            else:
                assert self.run(self.service.cancel(job_id)).state in (JobState.CANCELED, JobState.CANCELING)

        @precondition(lambda self: self.ids)
        @rule(number=pick, dies=st.booleans())
        def a_user_retries(self, number: int, dies: bool) -> None:
            job = self.run(self.ledger.get(self.some_id(number)))
            try:
                new = plan_retry(job, None)
                made = self.run(create_retry(self.sessions, self.service, new))
            except JobNotRetryableError:
                return
            assert job.state in (JobState.FAILED, JobState.CANCELED, JobState.EXPIRED)
            self.ids.append(made.id)
            if not dies:
                self.run(self.service.enqueue(made))

        # Workers -----------------------------------------------------------------------------------

        @precondition(lambda self: self.queue.tickets and not self.queue.away and None in self.workers)
        @rule(number=pick, twice=st.booleans())
        def a_ticket_is_delivered(self, number: int, twice: bool) -> None:
            """Also one that another worker holds: that one is late, or cut off."""
            tickets = list(self.queue.tickets)
            ticket = tickets[number % len(tickets)]
            self.run(self._deliver(ticket))
            if twice and ticket in self.queue.tickets and None in self.workers:
                self.run(self._deliver(ticket))

        async def _deliver(self, ticket: str) -> None:
            delivery = cast(Delivery, DeliveryDouble(self.queue, ticket))
            draw = await self.ledger.draw(ticket, "w")
            if draw.job_id is None:
                await delivery.ack()
            elif draw.job is None:
                await settle(self.broker, self.ledger, delivery, draw.job_id)
            else:
                await announce(self.broker, draw.job)
                self.workers[self.workers.index(None)] = Hold(draw.job, delivery)

        def _held(self, number: int) -> tuple[int, Hold]:
            held = [(at, hold) for at, hold in enumerate(self.workers) if hold is not None]
            return held[number % len(held)]

        @precondition(lambda self: any(self.workers))
        @rule(number=pick, dies=st.sampled_from(["", "blobs", "commit", "event"]))
        def a_worker_has_a_result(self, number: int, dies: str) -> None:
            at, hold = self._held(number)
            self.workers[at] = None
            self.run(self._succeed(hold, dies))

        async def _succeed(self, hold: Hold, dies: str) -> None:
            job = hold.job
            if dies == "blobs":
                await self.blobs.put(f"results/{job.id}/{job.attempt}/style.safetensors", b"half of it")
                return
            done = await succeed_with(self.ledger, self.blobs, signer(), job, _outcome(job))
            if done:
                assert (await self.ledger.get(job.id)).attempt == job.attempt, "a late worker is fenced out"
            if dies == "commit" or not (done or await self.ledger.confirm_canceled(job.id, job.attempt)):
                return
            try:
                if dies == "event":
                    await announce(self.broker, await self.ledger.get(job.id), must=True)
                else:
                    await settle(self.broker, self.ledger, hold.delivery, job.id)
            except BrokerUnavailableError:
                pass  # the ticket comes again

        @precondition(lambda self: any(self.workers))
        @rule(number=pick, how=st.sampled_from(["fails", "stops", "gives back", "dies"]))
        def a_worker_has_none(self, number: int, how: str) -> None:
            at, hold = self._held(number)
            self.workers[at] = None
            self.run(self._end(hold, how))

        async def _end(self, hold: Hold, how: str) -> None:
            job = hold.job
            if how == "fails":
                over = await self.ledger.fail(job.id, job.attempt, code="job_failed", detail="No: again.")
            elif how == "stops":
                over = await self.ledger.confirm_canceled(job.id, job.attempt)
            else:
                if how == "gives back":
                    await self.ledger.release(job.id, job.attempt)
                return
            try:
                if over:
                    await settle(self.broker, self.ledger, hold.delivery, job.id)
            except BrokerUnavailableError:
                pass

        # The rest ----------------------------------------------------------------------------------

        @rule()
        def the_reconciler_looks(self) -> None:
            try:
                self.run(self.reconciler.reconcile())
            except BrokerUnavailableError:
                assert self.queue.away

        @rule(away=st.sampled_from([False, False, True]))
        def the_broker_comes_and_goes(self, away: bool) -> None:
            self.queue.away = away

        @precondition(lambda self: len(self.ids) > 4)
        @rule()
        def the_queue_is_lost(self) -> None:
            self.queue.lose_everything()

        @rule()
        def everything_restarts(self) -> None:
            self.workers = [None] * WORKERS  # the API keeps nothing in memory

        @precondition(lambda self: len(self.ids) > 6)  # else most runs would end before anything happens
        @rule()
        def a_day_passes(self) -> None:
            self.run(self.ledger.expire(timedelta(seconds=-1)))

        # What always holds -------------------------------------------------------------------------

        @invariant()
        def promises_are_kept(self) -> None:
            jobs, images, styles = self.run(self._look())
            for row in jobs:
                self._job_is_sound(row)
                self._results_are_there_once(row, images, styles)
            tickets = [row.ticket for row in jobs if row.state in ACTIVE_STATES]
            assert len(set(tickets)) == len(tickets), "an unfinished job has a ticket of its own"
            self._events_tell_the_truth()

        def _job_is_sound(self, row: JobRow) -> None:
            state = JobState(row.state)
            assert 0 <= row.attempt - row.releases <= MAX_ATTEMPTS
            assert (row.finished_at is not None) == state.terminal
            assert (row.result is not None) == (state is JobState.SUCCEEDED)
            assert (row.error is not None) == (state.terminal and state is not JobState.SUCCEEDED)
            now = (state, row.result, row.error)
            if state.terminal:
                assert self.ended.setdefault(row.id, now) == now, "a terminal state is final"
            else:
                assert row.id not in self.ended, "a terminal state is final"

        def _results_are_there_once(
            self, row: JobRow, images: list[ImageRow], styles: list[StyleRow]
        ) -> None:
            succeeded = row.state == JobState.SUCCEEDED
            made = [image.id for image in images if image.job_id == row.id and image.role == ImageRole.RESULT]
            assert made == (row.result["images"] if succeeded and row.result else [])
            assert len(made) == (succeeded and row.kind == JobKind.STYLIZE_ONCE)
            for style in styles:  # of a job that was retried the style has gone to the retry
                if style.job_id == row.id:
                    assert (style.blob_key is not None) == succeeded

        def _events_tell_the_truth(self) -> None:
            told: set[str] = set()
            for job_id, _, data in self.queue.events:
                if data["state"] in TERMINAL_STATES:
                    assert job_id not in told, "one terminal event"
                    assert self.ended[job_id][0] == data["state"], "not before the ledger, and not otherwise"
                    told.add(job_id)

        async def _look(self) -> tuple[list[JobRow], list[ImageRow], list[StyleRow]]:
            return await self._rows(JobRow), await self._rows(ImageRow), await self._rows(StyleRow)

        async def _rows(self, table: type[Any]) -> list[Any]:
            async with self.sessions() as session:
                return list(await session.scalars(select(table).order_by(table.id)))

        # At the end --------------------------------------------------------------------------------

        def teardown(self) -> None:
            try:
                self.run(self._everything_ends())
                self.promises_are_kept()
            finally:
                self.run(self.engine.dispose())
                self.runner.close()
                shutil.rmtree(self.folder)

        async def _everything_ends(self) -> None:
            """With a broker and a good worker every job ends; each blob has an owner, each row its blob."""
            self.queue.away, self.workers = False, [None] * WORKERS
            for _ in range(3):
                await self.reconciler.reconcile()
                for _ in range(MAX_ATTEMPTS + 1):
                    for ticket in list(self.queue.tickets):
                        await self._deliver(ticket)
                        if (hold := self.workers[0]) is not None:
                            self.workers[0] = None
                            await self._succeed(hold, "")
            states = {row.id: row.state for row in await self._rows(JobRow)}
            assert set(states) == set(self.ids), "none is lost, none is made twice"
            assert not [job_id for job_id, state in states.items() if state in ACTIVE_STATES], "none is stuck"
            assert self.queue.tickets == {}
            await sweep_orphans(self.sessions, self.blobs, timedelta(seconds=-60))
            named = {row.blob_key for row in await self._rows(ImageRow)}
            named |= {row.blob_key for row in await self._rows(StyleRow) if row.blob_key}
            assert set(await self.blobs.keys()) == named

    return Service


def _image(image_id: str, owner: str, job_id: str, role: ImageRole, key: str) -> ImageRow:
    return ImageRow(
        id=image_id,
        owner=owner,
        job_id=job_id,
        role=role,
        position=0,
        blob_key=key,
        media_type="image/png",
        width=1,
        height=1,
        size_bytes=9,
        sha256="0" * 64,
        created_at=utcnow(),
    )


def _outcome(job: Job) -> Outcome:
    images = [ImageOutcome(Image.new("RGB", (1, 1)), content) for content in job.params.get("contents", ())]
    return Outcome(
        steps=1, seconds=0.1, style=StyleOutcome(b"a style", {"base_hash": "0" * 64}), images=images
    )


def test_jobs_keep_their_promises(sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler_module, "_GRACE", timedelta(seconds=-1))
    run_state_machine_as_test(
        machine(sqlite_template),
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            database=None,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
