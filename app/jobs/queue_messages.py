"""Tickets: which message of the queue stands for which job, and which jobs need a new one.

Every unfinished job holds one ticket. The queue can lose it (a crash before the publish, a storage that is
gone), and the reconciler then publishes it again, or another one. None of this changes a job's state.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update

from app.infra.db import CLOCK_SKEW, Sessions, table_of, utcnow
from app.jobs.job import ACTIVE_STATES, Job
from app.jobs.tables import JobRow

_BATCH = 100  # jobs that the reconciler handles at a time
_C = table_of(JobRow).c
_PUBLISHED = (
    update(table_of(JobRow))
    .where(_C.ticket == bindparam("held"))
    .values(
        published_at=bindparam("now", type_=_C.published_at.type),
        queue_epoch=bindparam("epoch", type_=_C.queue_epoch.type),
    )
)


class Tickets:
    """The part of the ledger that keeps the queue complete; every method is one transaction."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def unpublished(self, older_than: timedelta) -> list[Job]:
        """Unfinished jobs, created at least ``older_than`` ago, whose publish was never recorded.

        Also those of a future that the wall clock has left again.
        """
        now = utcnow()
        age = or_(JobRow.created_at <= now - older_than, JobRow.created_at > now + CLOCK_SKEW)
        return await self._unfinished(and_(JobRow.published_at.is_(None), age))

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

    async def holder(self, ticket: str) -> Job | None:
        """The unfinished job that a ticket stands for."""
        query = select(JobRow).where(JobRow.ticket == ticket, JobRow.state.in_(ACTIVE_STATES))
        async with self._sessions() as session:
            row = await session.scalar(query)
        return None if row is None else row.to_job()

    async def renew_ticket(self, lost: Job) -> Job | None:
        """Give a job another ticket than the one that was lost, to be published.

        None: it has another one already, or is over.
        """
        generation = lost.generation + 1
        renewed = (
            update(JobRow)
            .where(JobRow.id == lost.id, JobRow.ticket == lost.ticket, JobRow.state.in_(ACTIVE_STATES))
            .values(
                ticket=f"{lost.id}.{generation}", generation=generation, published_at=None, queue_epoch=None
            )
            .returning(JobRow)
            .execution_options(synchronize_session=False)
        )
        async with self._sessions.begin(brief=True) as session:
            row = await session.scalar(renewed)
            return None if row is None else row.to_job()

    async def mark_published(self, ticket: str, *, epoch: datetime | None = None) -> None:
        """Record that the queue, in its storage ``epoch``, holds the ticket."""
        async with self._sessions.begin(brief=True) as session:
            await session.execute(_PUBLISHED, {"held": ticket, "now": utcnow(), "epoch": epoch})

    async def _unfinished(self, condition: ColumnElement[bool]) -> list[Job]:
        query = (
            select(JobRow).where(JobRow.state.in_(ACTIVE_STATES), condition).order_by(JobRow.id).limit(_BATCH)
        )
        async with self._sessions() as session:
            return [row.to_job() for row in await session.scalars(query)]
