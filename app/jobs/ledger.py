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

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ErrorCode, JobNotCancelableError, JobNotFoundError, QueueFullError
from app.infra.db import Base, Sessions, utcnow
from app.jobs.model import ACTIVE_STATES, Job, JobKind, JobState
from app.jobs.tables import JobRow

Effects = Callable[[AsyncSession], Awaitable[None]]
"""Rows to write in the transaction of a success."""

_BATCH = 100  # jobs that the reconciler handles at a time


@dataclass(frozen=True)
class NewJob:
    """A job to create; ``id`` is made by the caller, because blobs are stored before the job."""

    id: str
    kind: JobKind
    params: dict[str, Any]
    style_id: str | None = None
    owner: str = "local"
    rows: Sequence[Base] = field(default=())  # resources that appear together with the job


class Ledger:
    """State transitions of jobs. ``max_attempts`` bounds how often a job may kill its worker."""

    def __init__(self, sessions: Sessions, *, max_attempts: int = 3) -> None:
        self._sessions = sessions
        self._max_attempts = max_attempts

    async def get(self, job_id: str) -> Job:
        """The job as it is now. Raises JobNotFoundError."""
        async with self._sessions() as session:
            row = await session.get(JobRow, job_id)
        if row is None:
            raise _unknown(job_id)
        return row.to_job()

    async def create(self, new: NewJob, *, max_active: int | None = None) -> Job:
        """Insert a queued job and its rows. Raises QueueFullError beyond ``max_active`` unfinished jobs."""
        row = JobRow(
            id=new.id,
            owner=new.owner,
            kind=new.kind,
            state=JobState.QUEUED,
            attempt=0,
            releases=0,
            params=new.params,
            style_id=new.style_id,
            generation=0,
            created_at=utcnow(),
        )
        async with self._sessions.begin() as session:
            session.add(row)
            await session.flush()
            session.add_all(new.rows)
            await session.flush()
            # Counted after the insert: SQLite's writers are then already in a line.
            if max_active is not None and await _active(session) > max_active:
                raise _full(max_active)
        return row.to_job()

    async def ensure_room(self, max_active: int) -> None:
        """Raise QueueFullError when ``create`` would: asked before the costly part of a request."""
        async with self._sessions() as session:
            if await _active(session) >= max_active:
                raise _full(max_active)

    async def begin(self, job_id: str, worker_id: str) -> Job | None:
        """Start an attempt for a delivered message; the attempt is counted before the run.

        None says that there is nothing to run and the message can be dropped: the job is terminal,
        was canceling (now canceled), or has used up its attempts (now failed, ``poison_job``).
        A running job is begun again because its message came again: its attempt is presumed dead.
        """
        now = utcnow()
        async with self._sessions.begin() as session:
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
        async with self._sessions.begin() as session:
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
        async with self._sessions.begin() as session:
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

    async def unpublished(self, older_than: timedelta) -> list[Job]:
        """Unfinished jobs, created at least ``older_than`` ago, whose publish was never recorded."""
        return await self._unfinished(
            and_(JobRow.published_at.is_(None), JobRow.created_at <= utcnow() - older_than)
        )

    async def lost(self, epoch: datetime) -> list[Job]:
        """Unfinished jobs whose message went to another storage of the queue than the present one.

        ``epoch`` names the present one (when it was created, by the queue's own clock); it is compared
        for equality only, so clocks need not agree.
        """
        return await self._unfinished(
            and_(
                JobRow.published_at.is_not(None), JobRow.queue_epoch.is_not(None), JobRow.queue_epoch != epoch
            )
        )

    async def mark_published(
        self, job_id: str, *, generation: int = 0, epoch: datetime | None = None
    ) -> None:
        """Record that the queue, in its storage ``epoch``, holds the job's message of this generation."""
        async with self._sessions.begin() as session:
            await session.execute(
                update(JobRow)
                .where(JobRow.id == job_id)
                .values(published_at=utcnow(), generation=generation, queue_epoch=epoch)
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
            return [row.to_job() for row in rows]

    async def _unfinished(self, condition: ColumnElement[bool]) -> list[Job]:
        query = (
            select(JobRow).where(JobRow.state.in_(ACTIVE_STATES), condition).order_by(JobRow.id).limit(_BATCH)
        )
        async with self._sessions() as session:
            return [row.to_job() for row in await session.scalars(query)]

    async def _worker_write(
        self, job_id: str, attempt: int, states: Sequence[JobState], **values: Any
    ) -> bool:
        async with self._sessions.begin() as session:
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
    return None if row is None else row.to_job()


async def _active(session: AsyncSession) -> int:
    query = select(func.count()).select_from(JobRow).where(JobRow.state.in_(ACTIVE_STATES))
    return await session.scalar(query) or 0


def _full(max_active: int) -> QueueFullError:
    return QueueFullError(
        f"The queue is full ({max_active} jobs wait or run): try again in a few seconds.",
        headers={"Retry-After": "10"},
    )


def _canceled(now: datetime) -> dict[str, Any]:
    detail = "The job was canceled: submit it again if it is wanted after all."
    return {"state": JobState.CANCELED, "finished_at": now, "error": _error(ErrorCode.JOB_CANCELED, detail)}


def _error(code: str, detail: str) -> dict[str, str]:
    return {"code": str(code), "detail": detail}


def _unknown(job_id: str) -> JobNotFoundError:
    return JobNotFoundError(f"There is no job {job_id}: check the id, or list jobs with GET /v1/jobs.")
