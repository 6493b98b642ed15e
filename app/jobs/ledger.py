"""The ledger: the truth about jobs, and the only module that changes a job's state.

::

    queued ──begin──> running ──succeed──> succeeded
      │  ^              │  │ └───fail────> failed
      │  └───release────┘  └─request_cancel─> canceling ──confirm_canceled / begin──> canceled
      ├──request_cancel──> canceled                └───fail────> failed
      └──expire──> expired

Every method is one transaction, and every change is one conditional UPDATE (the expected states
and, for a worker, its attempt number stand in the WHERE clause), so races between workers, between
a worker and a cancel, and between processes are decided by the database. The attempt number is a
fencing token: a worker that was presumed dead and comes back changes nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ErrorCode, JobNotCancelableError, JobNotFoundError
from app.infra.db import Base, Sessions, in_line, utcnow
from app.jobs.fairness import Fits, take_turn
from app.jobs.lanes import lane_of
from app.jobs.model import Job, JobKind, JobState
from app.jobs.room import check_room
from app.jobs.tables import BY_ID, JobRow, job_of
from app.jobs.tickets import Tickets
from app.jobs.traces import origin
from app.jobs.transitions import record

Effects = Callable[[AsyncSession], Awaitable[None]]
"""What else belongs into a transaction of the ledger; raising undoes it all."""


@dataclass(frozen=True)
class NewJob:
    """A job to create; ``id`` is made by the caller, because blobs are stored before the job."""

    id: str
    kind: JobKind
    params: dict[str, Any]
    style_id: str | None = None
    owner: str = "local"
    rows: Sequence[Base] = field(default=())  # resources that appear together with the job
    effects: Sequence[Effects] = field(default=())  # more to write, or to check, in the same transaction
    retry_of: str | None = None  # the job that this one tries again; a job is retried once


@dataclass(frozen=True)
class Draw:
    """What a ticket stands for: ``job_id`` None: nothing; ``job`` None: there is nothing to run."""

    job_id: str | None
    job: Job | None


class Ledger(Tickets):
    """State transitions of jobs. ``max_attempts`` bounds how often a job may kill its worker."""

    def __init__(self, sessions: Sessions, *, max_attempts: int = 3) -> None:
        super().__init__(sessions)
        self._max_attempts = max_attempts

    async def get(self, job_id: str) -> Job:
        """The job as it is now. Raises JobNotFoundError."""
        row = await self._sessions.row(BY_ID, id=job_id)
        if row is None:
            raise _unknown(job_id)
        return job_of(row)

    async def create(
        self, new: NewJob, *, max_active: int | None = None, max_per_owner: int | None = None
    ) -> Job:
        """Insert a queued job and its rows. Raises QueueFullError beyond ``max_active`` unfinished jobs, and
        QuotaExceededError beyond ``max_per_owner`` of its owner."""
        row = JobRow(
            id=new.id,
            owner=new.owner,
            kind=new.kind,
            state=JobState.QUEUED,
            attempt=0,
            releases=0,
            params=new.params,
            origin=origin(),
            style_id=new.style_id,
            lane=lane_of(new.kind, new.params),
            ticket=new.id,
            generation=0,
            retry_of=new.retry_of,
            created_at=utcnow(),
        )
        async with self._sessions.begin(brief=True) as session:
            await in_line(session, "jobs")  # else two that insert at once each count without the other
            session.add(row)
            await session.flush()
            session.add_all(new.rows)
            await session.flush()
            for effect in new.effects:
                await effect(session)
            # Counted after the insert: SQLite's writers are then already in a line.
            await check_room(session, 1, new.owner, max_active, max_per_owner)
            await record(session, row.to_job())
        return row.to_job()

    async def ensure_room(
        self, max_active: int, *, owner: str | None = None, max_per_owner: int | None = None
    ) -> None:
        """Raise what ``create`` would: asked before the costly part of a request."""
        async with self._sessions() as session:
            await check_room(session, 0, owner, max_active, max_per_owner)

    async def draw(self, ticket: str, worker_id: str, *, fits: Fits | None = None) -> Draw:
        """``begin`` the job whose turn it is when a ticket comes from the queue.

        Raises NotNow when that job does not pass ``fits``: nothing was changed, and the ticket is to be given
        back.
        """
        async with self._sessions.begin(brief=True) as session:
            job_id = await take_turn(session, ticket, fits)
            job = None if job_id is None else await self._begin(session, job_id, worker_id)
        return Draw(job_id, job)

    async def begin(self, job_id: str, worker_id: str) -> Job | None:
        """Start an attempt for a delivered message; the attempt is counted before the run.

        None says that there is nothing to run and the message can be dropped: the job is terminal,
        was canceling (now canceled), or has used up its attempts (now failed, ``poison_job``).
        A running job is begun again because its message came again: its attempt is presumed dead.
        """
        async with self._sessions.begin(brief=True) as session:
            return await self._begin(session, job_id, worker_id)

    async def _begin(self, session: AsyncSession, job_id: str, worker_id: str) -> Job | None:
        now = utcnow()
        begun = await _change(
            session,
            job_id,
            [
                JobRow.state.in_([JobState.QUEUED, JobState.RUNNING]),
                JobRow.attempt - JobRow.releases < self._max_attempts,
            ],
            state=JobState.RUNNING,
            attempt=JobRow.attempt + 1,
            worker_id=worker_id,
            started_at=func.coalesce(JobRow.started_at, now),
        )
        if begun is not None:
            return begun
        if await _change(session, job_id, [JobRow.state == JobState.CANCELING], **_canceled(now)):
            return None
        poisoned = await _change(
            session,
            job_id,
            [JobRow.state.in_([JobState.QUEUED, JobState.RUNNING])],
            state=JobState.FAILED,
            finished_at=now,
            error=_error(
                ErrorCode.POISON_JOB,
                f"The job ended its worker {self._max_attempts} times and is not tried again: "
                "submit it with other or smaller pictures.",
            ),
        )
        if poisoned is None and await session.get(JobRow, job_id) is None:
            raise _unknown(job_id)
        return None

    async def succeed(
        self, job_id: str, attempt: int, result: dict[str, Any], *, effects: Effects | None = None
    ) -> bool:
        """running -> succeeded, with the rows of ``effects`` in the same transaction.

        False: fenced out, canceled meanwhile, or terminal; then nothing was written.
        """
        async with self._sessions.begin(brief=True) as session:
            changed = await _change(
                session,
                job_id,
                [JobRow.state == JobState.RUNNING, JobRow.attempt == attempt],
                state=JobState.SUCCEEDED,
                result=result,
                finished_at=utcnow(),
            )
            if changed is None:
                return False
            if effects is not None:
                await effects(session)
        return True

    async def fail(self, job_id: str, attempt: int, *, code: str, detail: str) -> bool:
        """running or canceling -> failed. False: fenced out or terminal."""
        return await self._worker_write(
            job_id,
            attempt,
            [JobState.RUNNING, JobState.CANCELING],
            state=JobState.FAILED,
            error=_error(code, detail),
            finished_at=utcnow(),
        )

    async def confirm_canceled(self, job_id: str, attempt: int) -> bool:
        """canceling -> canceled, by the worker that stopped. False: fenced out, or no cancel was asked."""
        return await self._worker_write(job_id, attempt, [JobState.CANCELING], **_canceled(utcnow()))

    async def release(self, job_id: str, attempt: int) -> bool:
        """running -> queued at a graceful shutdown, without counting the attempt against the job.

        The attempt number itself never goes back: it is the fencing token.
        """
        return await self._worker_write(
            job_id, attempt, [JobState.RUNNING], state=JobState.QUEUED, releases=JobRow.releases + 1
        )

    async def request_cancel(self, job_id: str) -> Job:
        """queued -> canceled; running -> canceling; canceling stays.

        Raises JobNotCancelableError (the job is terminal), JobNotFoundError.
        """
        async with self._sessions.begin(brief=True) as session:
            for states, values in (
                ([JobState.QUEUED], _canceled(utcnow())),
                ([JobState.RUNNING, JobState.CANCELING], {"state": JobState.CANCELING}),
            ):
                changed = await _change(session, job_id, [JobRow.state.in_(states)], **values)
                if changed is not None:
                    return changed
            row = await session.get(JobRow, job_id)
        if row is None:
            raise _unknown(job_id)
        raise JobNotCancelableError(
            f"Job {job_id} is already {row.state}: there is nothing to cancel; read its result instead."
        )

    async def expire(self, older_than: timedelta) -> list[Job]:
        """queued -> expired for jobs that waited longer than ``older_than``; returns them."""
        async with self._sessions.begin() as session:
            rows = await session.scalars(
                update(JobRow)
                .where(JobRow.state == JobState.QUEUED, JobRow.created_at < utcnow() - older_than)
                .values(
                    state=JobState.EXPIRED,
                    finished_at=utcnow(),
                    error=_error(ErrorCode.JOB_EXPIRED, "No worker took the job in time: submit it again."),
                )
                .returning(JobRow)
                .execution_options(synchronize_session=False)
            )
            jobs = [row.to_job() for row in rows]
            for job in jobs:
                await record(session, job)
        return jobs

    async def _worker_write(
        self, job_id: str, attempt: int, states: Sequence[JobState], **values: Any
    ) -> bool:
        async with self._sessions.begin(brief=True) as session:
            fence = [JobRow.state.in_(states), JobRow.attempt == attempt]
            return await _change(session, job_id, fence, **values) is not None


async def _change(
    session: AsyncSession, job_id: str, conditions: Sequence[ColumnElement[bool]], **values: Any
) -> Job | None:
    """One conditional UPDATE of one job; the job after it, or None when the conditions do not hold."""
    row = await session.scalar(
        update(JobRow)
        .where(JobRow.id == job_id, *conditions)
        .values(**values)
        .returning(JobRow)
        .execution_options(synchronize_session=False)
    )
    if row is None:
        return None
    job = row.to_job()
    await record(session, job)
    return job


def _canceled(now: datetime) -> dict[str, Any]:
    detail = "The job was canceled: submit it again if it is wanted after all."
    return {"state": JobState.CANCELED, "finished_at": now, "error": _error(ErrorCode.JOB_CANCELED, detail)}


def _error(code: str, detail: str) -> dict[str, str]:
    return {"code": str(code), "detail": detail}


def _unknown(job_id: str) -> JobNotFoundError:
    return JobNotFoundError(f"There is no job {job_id}: check the id, or list jobs with GET /v1/jobs.")
