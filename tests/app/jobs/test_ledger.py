"""The ledger: transitions, fencing, races, and what a success leaves behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import JobNotCancelableError, JobNotFoundError, QueueFullError, QuotaExceededError
from app.ids import new_id
from app.infra.db import Sessions, create_engine, create_sessions, utcnow
from app.job_hooks import JOB_HOOKS
from app.jobs.job import ACTIVE_STATES, Job, JobKind, JobState
from app.jobs.ledger import Effects, Ledger, NewJob
from app.jobs.tables import JobRow
from app.metrics.counters import CREATED
from app.metrics.tables import TallyRow
from app.settings import Settings
from app.styles.tables import StyleRow

RESULT: dict[str, Any] = {"style_id": None, "images": [], "losses": {}, "steps": 1, "seconds": 0.1}


async def new_job(ledger: Ledger, *, style_id: str | None = None) -> Job:
    return await ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {"seed": 0}, style_id=style_id))


async def job_in(ledger: Ledger, state: JobState) -> Job:
    """A job that was led to a state by the ledger's own methods."""
    job = await new_job(ledger)
    if state is JobState.EXPIRED:
        await ledger.expire(timedelta(seconds=-1))
    elif state is JobState.CANCELED:
        await ledger.request_cancel(job.id)
    elif state is not JobState.QUEUED:
        begun = await ledger.begin(job.id, "w1")
        assert begun is not None
        if state is JobState.SUCCEEDED:
            assert await ledger.succeed(job.id, 1, RESULT)
        elif state is JobState.FAILED:
            assert await ledger.fail(job.id, 1, code="job_failed", detail="no")
        elif state is JobState.CANCELING:
            await ledger.request_cancel(job.id)
    job = await ledger.get(job.id)
    assert job.state is state
    return job


# What each call makes of each state: the state afterwards. Whatever is not listed changes nothing.
CHANGES = {
    "begin": {
        JobState.QUEUED: JobState.RUNNING,
        JobState.RUNNING: JobState.RUNNING,
        JobState.CANCELING: JobState.CANCELED,
    },
    "succeed": {JobState.RUNNING: JobState.SUCCEEDED},
    "fail": {JobState.RUNNING: JobState.FAILED, JobState.CANCELING: JobState.FAILED},
    "confirm_canceled": {JobState.CANCELING: JobState.CANCELED},
    "release": {JobState.RUNNING: JobState.QUEUED},
    "request_cancel": {
        JobState.QUEUED: JobState.CANCELED,
        JobState.RUNNING: JobState.CANCELING,
        JobState.CANCELING: JobState.CANCELING,
    },
    "expire": {JobState.QUEUED: JobState.EXPIRED},
}


async def call(ledger: Ledger, name: str, job: Job) -> object:
    match name:
        case "begin":
            return await ledger.begin(job.id, "w2")
        case "succeed":
            return await ledger.succeed(job.id, job.attempt, RESULT)
        case "fail":
            return await ledger.fail(job.id, job.attempt, code="job_failed", detail="no")
        case "expire":
            return await ledger.expire(timedelta(seconds=-1))
        case "request_cancel":
            return await ledger.request_cancel(job.id)
        case _:
            return await getattr(ledger, name)(job.id, job.attempt)


@pytest.mark.parametrize("name", CHANGES)
async def test_every_call_in_every_state(ledger: Ledger, name: str) -> None:
    for state in JobState:
        job = await job_in(ledger, state)
        expected = CHANGES[name].get(state)
        if name == "request_cancel" and expected is None:
            with pytest.raises(JobNotCancelableError, match=state.value):
                await call(ledger, name, job)
        else:
            answer = await call(ledger, name, job)
            if name in ("succeed", "fail", "confirm_canceled", "release"):
                assert answer is (expected is not None)
        after = await ledger.get(job.id)
        assert after.state is (expected or state), f"{name} in {state}"
        if expected is None:
            assert after == job, f"{name} changed a job that was {state}"
        if after.state.terminal:
            assert after.finished_at is not None
        if after.state in (JobState.FAILED, JobState.CANCELED, JobState.EXPIRED):
            assert after.error is not None
            assert {"code", "detail"} <= after.error.keys()


async def test_the_attempt_is_counted_before_the_run(ledger: Ledger) -> None:
    job = await new_job(ledger)
    first = await ledger.begin(job.id, "w1")
    second = await ledger.begin(job.id, "w2")
    assert first is not None
    assert second is not None
    assert (first.attempt, second.attempt) == (1, 2)
    assert second.worker_id == "w2"
    assert first.started_at == second.started_at


@pytest.mark.parametrize("name", ["succeed", "fail", "release"])
async def test_a_worker_presumed_dead_is_fenced_out(ledger: Ledger, name: str) -> None:
    job = await new_job(ledger)
    dead = await ledger.begin(job.id, "dead")
    alive = await ledger.begin(job.id, "alive")
    assert dead is not None
    assert alive is not None
    assert await call(ledger, name, dead) is False
    assert await ledger.get(job.id) == alive
    assert await call(ledger, name, alive) is True


async def test_a_fenced_out_worker_cannot_confirm_a_cancel(ledger: Ledger) -> None:
    job = await new_job(ledger)
    await ledger.begin(job.id, "dead")
    await ledger.begin(job.id, "alive")
    await ledger.request_cancel(job.id)
    assert not await ledger.confirm_canceled(job.id, 1)
    assert await ledger.confirm_canceled(job.id, 2)


async def test_a_job_that_kills_its_workers_fails_as_poison(ledger: Ledger) -> None:
    job = await new_job(ledger)
    for attempt in (1, 2, 3):
        begun = await ledger.begin(job.id, "w")
        assert begun is not None
        assert begun.attempt == attempt
    assert await ledger.begin(job.id, "w") is None
    ended = await ledger.get(job.id)
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error["code"] == "poison_job"


async def test_a_released_attempt_does_not_count_but_its_number_is_not_used_again(ledger: Ledger) -> None:
    job = await new_job(ledger)
    numbers = []
    for _ in range(10):  # ten graceful shutdowns, far more than max_attempts
        begun = await ledger.begin(job.id, "w")
        assert begun is not None
        numbers.append(begun.attempt)
        assert await ledger.release(job.id, begun.attempt)
    assert numbers == list(range(1, 11))
    for _ in range(3):
        assert await ledger.begin(job.id, "w") is not None
    assert await ledger.begin(job.id, "w") is None


async def test_unknown_jobs(ledger: Ledger) -> None:
    with pytest.raises(JobNotFoundError):
        await ledger.get("job_none")
    with pytest.raises(JobNotFoundError):
        await ledger.begin("job_none", "w")
    with pytest.raises(JobNotFoundError):
        await ledger.request_cancel("job_none")
    assert not await ledger.succeed("job_none", 1, RESULT)


async def test_many_workers_race_for_one_job(ledger: Ledger) -> None:
    job = await new_job(ledger)
    many = Ledger(ledger._sessions, JOB_HOOKS, max_attempts=100)
    begun = await asyncio.gather(*(many.begin(job.id, f"w{n}") for n in range(8)))
    attempts = sorted(item.attempt for item in begun if item is not None)
    assert attempts == list(range(1, 9)), "each began under its own number"
    won = await asyncio.gather(*(many.succeed(job.id, attempt, RESULT) for attempt in attempts))
    assert won == [False] * 7 + [True], "only the newest attempt counts"


async def test_a_cancel_and_a_success_race(ledger: Ledger) -> None:
    for _ in range(10):
        job = await new_job(ledger)
        await ledger.begin(job.id, "w")
        succeeded, canceled = await asyncio.gather(
            ledger.succeed(job.id, 1, RESULT), ledger.request_cancel(job.id), return_exceptions=True
        )
        state = (await ledger.get(job.id)).state
        if succeeded:
            assert state is JobState.SUCCEEDED
            assert isinstance(canceled, JobNotCancelableError)
        else:
            assert state is JobState.CANCELING


async def test_effects_are_written_with_the_success_or_not_at_all(ledger: Ledger, sessions: Sessions) -> None:
    job = await new_job(ledger)
    await ledger.begin(job.id, "dead")
    await ledger.begin(job.id, "alive")

    def style(name: str) -> StyleRow:
        return StyleRow(id=f"sty_{name}", owner="local", created_at=utcnow())

    def effects(name: str) -> Effects:
        async def write(session: AsyncSession) -> None:
            session.add(style(name))

        return write

    async def broken(session: AsyncSession) -> None:
        session.add(style("broken"))
        await session.flush()
        raise OSError("the disk is full")

    assert not await ledger.succeed(job.id, 1, RESULT, effects=effects("dead"))
    with pytest.raises(OSError, match="disk"):
        await ledger.succeed(job.id, 2, RESULT, effects=broken)
    assert (await ledger.get(job.id)).state is JobState.RUNNING
    assert await ledger.succeed(job.id, 2, RESULT, effects=effects("alive"))
    async with sessions() as session:
        assert await session.get(StyleRow, "sty_dead") is None
        assert await session.get(StyleRow, "sty_broken") is None
        assert await session.get(StyleRow, "sty_alive") is not None


async def test_the_queue_is_bounded(ledger: Ledger) -> None:
    def job() -> NewJob:
        return NewJob(new_id("job"), JobKind.ADAPT, {})

    first = await ledger.create(job(), max_active=2)
    await ledger.create(job(), max_active=2)
    with pytest.raises(QueueFullError) as full:
        await ledger.create(job(), max_active=2)
    assert full.value.headers["Retry-After"].isdigit()
    with pytest.raises(QueueFullError):
        await ledger.ensure_room(2)
    await ledger.request_cancel(first.id)
    await ledger.ensure_room(2)
    await ledger.create(job(), max_active=2)


async def test_a_refused_job_leaves_no_rows(ledger: Ledger, sessions: Sessions) -> None:
    style = StyleRow(id="sty_x", owner="local", created_at=utcnow())
    with pytest.raises(QueueFullError):
        await ledger.create(NewJob("job_x", JobKind.ADAPT, {}, rows=[style]), max_active=0)
    async with sessions() as session:
        assert await session.get(StyleRow, "sty_x") is None
    with pytest.raises(JobNotFoundError):
        await ledger.get("job_x")


async def created(sessions: Sessions) -> int:
    """Jobs that the figures count as created."""
    async with sessions() as session:
        query = select(func.sum(TallyRow.count)).where(TallyRow.name == CREATED)
        return int(await session.scalar(query) or 0)


async def test_which_jobs_the_queue_may_not_know(ledger: Ledger, sessions: Sessions) -> None:
    forgotten, known, lost, done, unclear = [await new_job(ledger) for _ in range(5)]
    before, now = utcnow() + timedelta(hours=1), utcnow()  # a storage is named, not compared with clocks
    await ledger.mark_published(known.id, epoch=now)
    await ledger.mark_published(lost.id, epoch=before)
    await ledger.mark_published(done.id, epoch=before)
    await ledger.mark_published(unclear.id)
    await ledger.request_cancel(done.id)
    assert [job.id for job in await ledger.unpublished(timedelta(0))] == [forgotten.id]
    assert await ledger.unpublished(timedelta(minutes=1)) == []
    assert [job.id for job in await ledger.lost(now)] == [lost.id]
    (seen,) = await ledger.lost(now)
    renewed = await ledger.renew_ticket(seen)
    assert renewed is not None
    assert (renewed.ticket, renewed.generation, renewed.id) == (f"{lost.id}.1", 1, lost.id)
    assert await ledger.renew_ticket(seen) is None, "another process has done it"
    assert await created(sessions) == 5, "no job was made"
    assert lost.id in [job.id for job in await ledger.unpublished(timedelta(0))]
    await ledger.mark_published(renewed.ticket, epoch=now)
    assert await ledger.lost(now) == []
    assert [job.id for job in await ledger.unpublished(timedelta(0))] == [forgotten.id]


async def test_the_bound_holds_however_many_come_at_once(ledger: Ledger) -> None:
    async def one(owner: str) -> bool:
        try:
            await ledger.create(
                NewJob(new_id("job"), JobKind.ADAPT, {}, owner=owner), max_active=12, max_per_owner=8
            )
        except (QueueFullError, QuotaExceededError):
            return False
        return True

    assert sum(await asyncio.gather(*(one("ada") for _ in range(20)))) == 8
    assert sum(await asyncio.gather(*(one("bob") for _ in range(20)))) == 6, "his half of the queue"
    assert sum(await asyncio.gather(*(one("cat") for _ in range(20)))) == 4, "her third"
    assert not any(await asyncio.gather(*(one(owner) for owner in ("ada", "bob", "cat"))))
    with pytest.raises(QueueFullError):
        await ledger.ensure_room(18, owner="bob", max_per_owner=8)
    with pytest.raises(QuotaExceededError, match="8 unfinished jobs") as refused:
        await ledger.ensure_room(19, owner="ada", max_per_owner=8)
    assert refused.value.headers["Retry-After"]
    await ledger.ensure_room(19, owner="bob", max_per_owner=8)


async def test_two_owners_cannot_fill_the_queue_for_a_third(ledger: Ledger) -> None:
    for owner in ("ada", "bob"):
        for _ in range(4):
            await ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}, owner=owner), max_active=8)
    with pytest.raises(QueueFullError):
        await ledger.ensure_room(8, owner="ada")
    await ledger.ensure_room(8, owner="dave")
    job = await ledger.create(NewJob(new_id("job"), JobKind.ADAPT, {}, owner="dave"), max_active=8)
    begun = [await ledger.draw(job.ticket, "w")]  # his is drawn with the first tickets of the others
    tickets = await ledger.unpublished(timedelta(0))
    begun += [await ledger.draw(other.ticket, "w") for other in tickets[:3]]
    assert job.id in [draw.job_id for draw in begun]


async def test_what_is_kept_of_a_job_that_goes_on_forgives_the_attempts_before(
    ledger: Ledger, sessions: Sessions
) -> None:
    """And is fenced like its end: of an attempt that was overtaken, or a canceled job, nothing is written."""
    style_id = new_id("sty")

    async def effects(session: AsyncSession) -> None:
        session.add(StyleRow(id=style_id, created_at=utcnow()))

    job = await new_job(ledger)
    for _ in range(2):
        assert (await ledger.begin(job.id, "w")) is not None
    assert not await ledger.note(job.id, 1, effects)
    assert await ledger.note(job.id, 2, effects)
    now = await ledger.get(job.id)
    assert (now.state, now.attempt, now.counted) == (JobState.RUNNING, 2, 1)
    async with sessions() as session:
        assert await session.get(StyleRow, style_id) is not None
    await ledger.request_cancel(job.id)
    style_id = new_id("sty")
    assert not await ledger.note(job.id, 2, effects)
    async with sessions() as session:
        assert await session.get(StyleRow, style_id) is None


async def test_a_batch_that_was_begun_waits_as_long_as_it_has_to(ledger: Ledger) -> None:
    begun, waiting = [
        await ledger.create(NewJob(new_id("job"), JobKind.BATCH, {"cost": 0})) for _ in range(2)
    ]
    attempt = await ledger.begin(begun.id, "w")
    assert attempt is not None
    assert await ledger.release(begun.id, attempt.attempt)
    assert [job.id for job in await ledger.expire(timedelta(seconds=-1))] == [waiting.id]


async def test_only_jobs_that_waited_too_long_expire(ledger: Ledger, sessions: Sessions) -> None:
    old, fresh, running = [await new_job(ledger) for _ in range(3)]
    await ledger.begin(running.id, "w")
    async with sessions.begin() as session:
        await session.execute(
            update(JobRow)
            .where(JobRow.id.in_([old.id, running.id]))
            .values(created_at=utcnow() - timedelta(days=2))
        )
    assert [job.id for job in await ledger.expire(timedelta(days=1))] == [old.id]
    assert (await ledger.get(fresh.id)).state is JobState.QUEUED
    assert (await ledger.get(running.id)).state is JobState.RUNNING


async def test_a_job_survives_a_new_process(ledger: Ledger, database_url: str) -> None:
    job = await new_job(ledger)
    other = create_engine(Settings(database_url=database_url).database)
    try:
        assert await Ledger(create_sessions(other), JOB_HOOKS).get(job.id) == job
    finally:
        await other.dispose()


def test_every_state_is_either_active_or_terminal() -> None:
    assert {state for state in JobState if not state.terminal} == ACTIVE_STATES
