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

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ErrorCode, JobNotCancelableError, JobNotFoundError
from app.infra.db import Base, Sessions, in_line, insert_row, table_of, utcnow
from app.jobs.fair_queue import Fits, take_turn
from app.jobs.hooks import Hook, record
from app.jobs.job import Job, JobKind, JobState
from app.jobs.lanes import lane_of
from app.jobs.queue_messages import Tickets
from app.jobs.quotas import UNFINISHED, check_room, refuse_beyond
from app.jobs.tables import BY_ID, JobRow, job_of
from app.jobs.tracing import origin
from model.modality import IMAGE

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
    modality: str = IMAGE


@dataclass(frozen=True)
class Draw:
    """What a ticket stands for: ``job_id`` None: nothing; ``job`` None: there is nothing to run."""

    job_id: str | None
    job: Job | None


class Ledger(Tickets):
    """State transitions of jobs. ``max_attempts`` bounds how often a job may kill its worker; ``hooks`` are
    called in the transaction of each change (:data:`app.job_hooks.JOB_HOOKS`)."""

    def __init__(self, sessions: Sessions, hooks: Sequence[Hook], *, max_attempts: int = 3) -> None:
        super().__init__(sessions)
        self._hooks = tuple(hooks)
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
            modality=new.modality,
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
            for each in (row, *new.rows):
                await insert_row(session, each)
            for effect in new.effects:
                await effect(session)
            # Counted after the insert: SQLite's writers are then already in a line.
            await check_room(session, 1, new.owner, max_active, max_per_owner)
            await record(session, row.to_job(), self._hooks)
        return row.to_job()

    async def ensure_room(
        self, max_active: int, *, owner: str | None = None, max_per_owner: int | None = None
    ) -> None:
        """Raise what ``create`` would: asked before the costly part of a request."""
        row = await self._sessions.row(UNFINISHED, owner=owner)
        refuse_beyond(row, 0, owner, max_active, max_per_owner)

    async def unfinished(self, owner: str) -> int:
        """How many jobs of an owner wait or run."""
        row = await self._sessions.row(UNFINISHED, owner=owner)
        assert row is not None  # a count
        return int(row.own)

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
        begun = await self._change(
            session, _BEGIN, job_id, by_worker=worker_id, now=now, max_attempts=self._max_attempts
        )
        if begun is not None:
            return begun
        if await self._change(session, _END_CANCELED, job_id, now=now):
            return None
        detail = (
            f"The job ended its worker {self._max_attempts} times and is not tried again: "
            "submit it with other or smaller pictures."
        )
        poisoned = await self._change(
            session, _POISON, job_id, now=now, why=_error(ErrorCode.POISON_JOB, detail)
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
            changed = await self._change(
                session, _SUCCEED, job_id, of_attempt=attempt, outcome=result, now=utcnow()
            )
            if changed is None:
                return False
            if effects is not None:
                await effects(session)
        return True

    async def note(self, job_id: str, attempt: int, effects: Effects) -> bool:
        """Write the rows of ``effects`` for a job that goes on: a part of its results. What earlier attempts
        ended no longer counts against it.

        False: fenced out, canceled meanwhile, or terminal; then nothing was written.
        """
        async with self._sessions.begin(brief=True) as session:
            goes_on = await session.execute(_GO_ON, {"job": job_id, "of_attempt": attempt})
            if goes_on.one_or_none() is None:
                return False
            await effects(session)
        return True

    async def fail(self, job_id: str, attempt: int, *, code: str, detail: str) -> bool:
        """running or canceling -> failed. False: fenced out or terminal."""
        return await self._worker_write(_FAIL, job_id, attempt, why=_error(code, detail), now=utcnow())

    async def confirm_canceled(self, job_id: str, attempt: int) -> bool:
        """canceling -> canceled, by the worker that stopped. False: fenced out, or no cancel was asked."""
        return await self._worker_write(_CONFIRM_CANCELED, job_id, attempt, now=utcnow())

    async def release(self, job_id: str, attempt: int) -> bool:
        """running -> queued at a graceful shutdown, without counting the attempt against the job.

        The attempt number itself never goes back: it is the fencing token.
        """
        return await self._worker_write(_RELEASE, job_id, attempt)

    async def request_cancel(self, job_id: str) -> Job:
        """queued -> canceled; running -> canceling; canceling stays.

        Raises JobNotCancelableError (the job is terminal), JobNotFoundError.
        """
        async with self._sessions.begin(brief=True) as session:
            for change in (_CANCEL, _ASK_TO_CANCEL):
                changed = await self._change(session, change, job_id, now=utcnow())
                if changed is not None:
                    return changed
            row = await session.get(JobRow, job_id)
        if row is None:
            raise _unknown(job_id)
        raise JobNotCancelableError(
            f"Job {job_id} is already {row.state}: there is nothing to cancel; read its result instead."
        )

    async def expire(self, older_than: timedelta) -> list[Job]:
        """queued -> expired for jobs that waited longer than ``older_than``; returns them. A batch that was
        begun waits as long as it has to."""
        begun_batch = and_(JobRow.kind == JobKind.BATCH, JobRow.started_at.is_not(None))
        async with self._sessions.begin() as session:
            rows = await session.scalars(
                update(JobRow)
                .where(
                    JobRow.state == JobState.QUEUED,
                    JobRow.created_at < utcnow() - older_than,
                    ~begun_batch,
                )
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
                await record(session, job, self._hooks)
        return jobs

    async def end_canceling(self, asked_before: timedelta, *, owner: str | None = None) -> list[Job]:
        """canceling -> canceled for jobs whose worker was asked so long ago and has not stopped; returns
        them. Should it come back, its attempt counts no longer. ``owner``: of this one only."""
        late = select(_C.id).where(
            _C.state == JobState.CANCELING, _C.cancel_asked_at <= utcnow() - asked_before
        )
        if owner is not None:
            late = late.where(_C.owner == owner)
        async with self._sessions() as session:
            ids = list(await session.scalars(late))
        ended = []
        for job_id in ids:
            async with self._sessions.begin(brief=True) as session:
                job = await self._change(session, _END_CANCELED, job_id, now=utcnow())
            ended += [job] if job is not None else []
        return ended

    async def _worker_write(self, change: Update, job_id: str, attempt: int, **values: Any) -> bool:
        async with self._sessions.begin(brief=True) as session:
            return await self._change(session, change, job_id, of_attempt=attempt, **values) is not None

    async def _change(self, session: AsyncSession, change: Update, job_id: str, **values: Any) -> Job | None:
        """One conditional UPDATE of one job; the job after it, or None when the conditions do not hold."""
        row = (await session.execute(change, {"job": job_id, **values})).one_or_none()
        if row is None:
            return None
        job = job_of(row)
        await record(session, job, self._hooks)
        return job


def _error(code: str, detail: str) -> dict[str, str]:
    return {"code": str(code), "detail": detail}


# The changes, made once and on the table: an UPDATE by the ORM costs several times as much.
_C = table_of(JobRow).c
_NOW = bindparam("now", type_=_C.finished_at.type)
_WHY = bindparam("why", type_=_C.error.type)
_FENCE = _C.attempt == bindparam("of_attempt")
_CANCELED = {
    "state": JobState.CANCELED,
    "finished_at": _NOW,
    "error": _error(
        ErrorCode.JOB_CANCELED, "The job was canceled: submit it again if it is wanted after all."
    ),
}


def _changes(states: Collection[JobState], *conditions: ColumnElement[bool], **values: Any) -> Update:
    """Of a job that is in one of ``states``; returns its row as it is then."""
    table = table_of(JobRow)
    which = (_C.id == bindparam("job"), _C.state.in_(states), *conditions)
    return update(table).where(*which).values(**values).returning(*table.c)


_BEGIN = _changes(
    [JobState.QUEUED, JobState.RUNNING],
    _C.attempt - _C.releases < bindparam("max_attempts"),
    state=JobState.RUNNING,
    attempt=_C.attempt + 1,
    worker_id=bindparam("by_worker"),
    started_at=func.coalesce(_C.started_at, _NOW),
)
_POISON = _changes([JobState.QUEUED, JobState.RUNNING], state=JobState.FAILED, finished_at=_NOW, error=_WHY)
_SUCCEED = _changes(
    [JobState.RUNNING],
    _FENCE,
    state=JobState.SUCCEEDED,
    result=bindparam("outcome", type_=_C.result.type),
    finished_at=_NOW,
)
_GO_ON = _changes([JobState.RUNNING], _FENCE, releases=_C.attempt - 1)
_FAIL = _changes(
    [JobState.RUNNING, JobState.CANCELING], _FENCE, state=JobState.FAILED, error=_WHY, finished_at=_NOW
)
_RELEASE = _changes([JobState.RUNNING], _FENCE, state=JobState.QUEUED, releases=_C.releases + 1)
_CANCEL = _changes([JobState.QUEUED], **_CANCELED)
_ASK_TO_CANCEL = _changes(
    [JobState.RUNNING, JobState.CANCELING],
    state=JobState.CANCELING,
    cancel_asked_at=func.coalesce(_C.cancel_asked_at, _NOW),
)
_CONFIRM_CANCELED = _changes([JobState.CANCELING], _FENCE, **_CANCELED)
_END_CANCELED = _changes([JobState.CANCELING], **_CANCELED)


def _unknown(job_id: str) -> JobNotFoundError:
    return JobNotFoundError(f"There is no job {job_id}: check the id, or list jobs with GET /v1/jobs.")
