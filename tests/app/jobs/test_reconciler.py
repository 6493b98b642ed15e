"""The reconciler: whatever a crash kept from the queue comes to it, and not twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, SequenceInfo
from sqlalchemy import update

from app.api.services import Container
from app.ids import new_id
from app.infra.asyncio_utils import end
from app.infra.broker import LANES, Broker, EmbeddedServer
from app.infra.db import utcnow
from app.jobs.job import Job, JobKind, JobState
from app.jobs.ledger import NewJob
from app.jobs.reconciler import Reconciler
from app.jobs.service import JobService
from app.jobs.tables import JobRow
from tests.support.waiting import eventually

KINDS = LANES


RUN = Reconciler.run


@pytest.fixture(autouse=True)
def _rounds_are_the_tests_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def idle(_: Reconciler) -> None:
        return None

    monkeypatch.setattr(Reconciler, "run", idle)
    monkeypatch.setattr("app.jobs.reconciler._GRACE", timedelta(0))


async def created(services: Container) -> Job:
    return await services.jobs.create(NewJob(new_id("job"), JobKind.ADAPT, {}))


async def queued(broker: Broker) -> list[str]:
    """The jobs in the queue; takes them."""
    found = []
    while (delivery := await broker.next_job(KINDS, timeout=0)) is not None:
        found.append(delivery.job_id)
        await delivery.ack()
    return found


async def test_a_crash_between_commit_and_publish(services: Container) -> None:
    job = await created(services)
    assert await queued(services.broker) == []
    assert await services.reconciler.reconcile() == 1
    assert await queued(services.broker) == [job.id]
    assert await services.reconciler.reconcile() == 0


async def test_a_crash_between_publish_and_its_record(services: Container) -> None:
    job = await created(services)
    await services.broker.publish_job(job.kind, job.id)
    assert await services.reconciler.reconcile() == 1
    assert await queued(services.broker) == [job.id], "the queue drops the repeated id"


async def test_a_job_that_is_being_created_is_left_alone(
    services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.reconciler._GRACE", timedelta(minutes=1))
    await created(services)
    assert await services.reconciler.reconcile() == 0


async def test_a_job_from_a_future_that_the_clock_has_left_again(
    services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.reconciler._GRACE", timedelta(minutes=1))
    job = await created(services)
    async with services.sessions.begin() as session:
        await session.execute(update(JobRow).values(created_at=utcnow() + timedelta(hours=3)))
    assert await services.reconciler.reconcile() == 1
    assert await queued(services.broker) == [job.id]


async def test_finished_jobs_are_left_alone(services: Container) -> None:
    job = await created(services)
    await services.ledger.request_cancel(job.id)
    assert await services.reconciler.reconcile() == 0


async def test_the_queues_storage_was_lost(
    services: Container, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A new, empty broker: queued, running and canceling jobs come to it again, finished ones do not."""
    jobs = [await created(services) for _ in range(4)]
    for job in jobs:
        await services.jobs.enqueue(job)
    waiting, running, canceling, done = jobs
    for job in (running, canceling, done):
        assert await services.ledger.begin(job.id, "w")
    await services.ledger.request_cancel(canceling.id)
    await services.ledger.fail(done.id, 1, code="job_failed", detail="x")

    async with EmbeddedServer(tmp_path_factory.mktemp("new")) as server:
        broker = await Broker.connect(server.url, token=server.token)
        try:
            service = JobService(services.ledger, broker, max_active=10)
            reconciler = Reconciler(service, broker, every=1, expires_after=3600)
            assert await reconciler.reconcile() == 3
            assert await queued(broker) == [waiting.id, running.id, canceling.id]
            assert await reconciler.reconcile() == 0
        finally:
            await broker.close()
    again = await services.ledger.begin(running.id, "w2")
    assert again is not None
    assert again.attempt == 2
    assert await services.ledger.begin(canceling.id, "w2") is None
    assert (await services.ledger.get(canceling.id)).state is JobState.CANCELED


async def test_jobs_that_nobody_took_expire_and_say_so(services: Container) -> None:
    job = await created(services)
    async with services.sessions.begin() as session:
        await session.execute(update(JobRow).values(created_at=utcnow() - timedelta(days=2)))
    assert await services.reconciler.reconcile() == 0
    assert (await services.ledger.get(job.id)).state is JobState.EXPIRED
    events = [event async for event in services.broker.events(job.id)]
    assert [event.data for event in events] == [{"state": "expired"}]


async def test_whoever_submits_in_the_second_of_the_loss_is_not_forgotten(
    services: Container, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A service asks once a second which storage the queue is in; what it tells an old one counts as lost."""
    async with EmbeddedServer(tmp_path_factory.mktemp("new")) as server:
        broker = await Broker.connect(server.url, token=server.token)
        try:
            service = JobService(services.ledger, services.broker, max_active=10)
            await service.enqueue(await created(services))
            service._broker = broker  # as if it were the same one, with an empty disk
            late = await created(services)
            await service.enqueue(late)
            fresh = JobService(services.ledger, broker, max_active=10)
            reconciler = Reconciler(fresh, broker, every=1, expires_after=3600)
            assert await reconciler.reconcile() == 2
            assert late.id in await queued(broker)
            assert await reconciler.reconcile() == 0
        finally:
            await broker.close()


async def test_a_round_that_fails_is_not_the_last(
    services: Container, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = await created(services)
    epoch = services.broker.jobs_epoch
    calls = 0

    async def shaky() -> object:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("no route to host")
        return await epoch()

    monkeypatch.setattr(services.broker, "jobs_epoch", shaky)
    reconciler = Reconciler(services.jobs, services.broker, every=0.02, expires_after=3600)
    running = asyncio.create_task(RUN(reconciler))
    try:
        await eventually(lambda: calls > 2)
    finally:
        await end(running)
    assert "no route to host" in caplog.text
    assert await queued(services.broker) == [job.id]


async def test_messages_that_nobody_would_get_are_taken_out(
    services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lane counts them as acknowledged although they are there: so a nats-server whose disk was full."""
    over, unfinished, later = [await created(services) for _ in range(3)]
    for job in (over, unfinished):
        assert await services.jobs.publish(job)
    await services.ledger.request_cancel(over.id)
    js = services.broker._js
    floor = SequenceInfo(consumer_seq=2, stream_seq=(await js.stream_info("JOBS")).state.last_seq)
    tell = js.consumer_info

    async def forgets(stream: str, lane: str) -> ConsumerInfo:
        info: ConsumerInfo = await tell(stream, lane)
        return replace(info, ack_floor=floor) if lane == "adapt" else info

    monkeypatch.setattr(js, "consumer_info", forgets)
    assert await services.jobs.publish(later)
    assert await services.reconciler.mend() == 2
    assert await services.reconciler.mend() == 0
    assert (await js.stream_info("JOBS")).state.messages == 2
    assert sorted(await queued(services.broker)) == sorted([unfinished.id, later.id])


async def test_messages_that_wait_or_are_held_stay(services: Container, jetstream: JetStreamContext) -> None:
    held, waiting = [await created(services) for _ in range(2)]
    for job in (held, waiting):
        assert await services.jobs.publish(job)
    delivery = await services.broker.next_job(KINDS, timeout=5)
    assert delivery is not None
    assert await services.reconciler.mend() == 0
    await delivery.ack()
    assert await services.reconciler.mend() == 0
    assert (await jetstream.stream_info("JOBS")).state.messages == 1
