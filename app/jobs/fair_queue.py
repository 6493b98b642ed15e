"""Fair queuing between owners: start-time fair queuing (Goyal, Vin and Cheng 1996) within each lane.

The queue's messages are tickets: each stands for one unfinished job, at first for the one that it was
published for. When a ticket of a queued job is drawn, the job whose turn it is takes it over, and the two
jobs swap tickets (with the record of when and where they were published). So every unfinished job
holds exactly one ticket at every commit, whatever crashes: a ticket that comes again finds the job that
its dead worker had begun, and the queue's length stays the number of jobs that wait.

An owner's turn is their virtual time: it moves by the cost of each of their jobs that begins, so owners share
the workers alike however many jobs each has waiting. Someone who comes after a pause starts at the clock,
the virtual time of the job begun last, and has saved up nothing.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Float, String, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, table_of
from app.jobs.job import ACTIVE_STATES, JobKind, JobState
from app.jobs.lanes import cost_of
from app.jobs.tables import JobRow

_CLOCK = ""  # the row of no owner


class TurnRow(Base):
    """The virtual time at which an owner's jobs so far are paid for; no row: the clock."""

    __tablename__ = "turns"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    paid_until: Mapped[float] = mapped_column(Float)


# Every draw executes these: on tables and made once, they cost a fraction of what the ORM makes of them.
_JOBS, _TURNS = table_of(JobRow).c, table_of(TurnRow)
_HOLDER = select(_JOBS.id, _JOBS.state, _JOBS.lane).where(_JOBS.ticket == bindparam("held"))
_FIRST = (
    select(_JOBS.owner, func.min(_JOBS.id).label("id"))
    .where(_JOBS.state == JobState.QUEUED, _JOBS.lane == bindparam("in_lane"))
    .group_by(_JOBS.owner)
    .subquery()
)
_WAITING = select(_FIRST.c.owner, _FIRST.c.id, _TURNS.c.paid_until).select_from(
    _FIRST.outerjoin(_TURNS, _TURNS.c.owner == _FIRST.c.owner)
)
_CHOSEN = select(_JOBS.kind, _JOBS.modality, _JOBS.params, _JOBS.attempt - _JOBS.releases).where(
    _JOBS.id == bindparam("id")
)
_PAID = delete(_TURNS).where(_TURNS.c.owner != _CLOCK, _TURNS.c.paid_until <= bindparam("start"))


Fits = Callable[[JobKind, str, Mapping[str, Any], bool], bool]
"""Whether a job may be begun now: kind, modality, parameters, and whether no attempt of it has ended its
worker."""


class NotNow(Exception):  # noqa: N818 - an answer, not a fault
    """The job whose turn it is does not fit what the worker has begun already."""


async def take_turn(session: AsyncSession, ticket: str, fits: Fits | None = None) -> str | None:
    """The job that is to be begun with this ticket, and now holds it; None: the ticket stands for none.

    Must be the first statement of its transaction: it takes the lock under which tickets change hands.
    Raises NotNow, and the transaction must then be rolled back, when that job does not pass ``fits``: nobody
    is passed over for the sake of a batch.
    """
    clock = await _lock(session)
    holder = (await session.execute(_HOLDER, {"held": ticket})).one_or_none()
    if holder is None:
        return None
    if holder.state != JobState.QUEUED:  # delivered again, or canceled before its turn
        if holder.state == JobState.RUNNING and fits is not None:
            raise NotNow
        return str(holder.id)
    waiting = await session.execute(_WAITING, {"in_lane": holder.lane})
    start, job_id, owner = min(
        (clock if row.paid_until is None else max(clock, row.paid_until), row.id, row.owner)
        for row in waiting
    )
    kind, modality, params, crashes = (await session.execute(_CHOSEN, {"id": job_id})).one()
    if fits is not None and not fits(JobKind(kind), modality, params, crashes == 0):
        raise NotNow
    if job_id != holder.id:
        await _swap_tickets(session, holder.id, job_id)
    paid = start + cost_of(JobKind(kind), params)
    await session.execute(
        _upsert(_dialect(session)),
        [{"owner": _CLOCK, "paid_until": start}, {"owner": owner, "paid_until": paid}],
    )
    await session.execute(_PAID, {"start": start})
    return str(job_id)


async def forget_turns(session: AsyncSession) -> tuple[int, list[str]]:
    """A chore of the sweeper: owners whose turn is not in the future; all of them when nothing waits or runs.

    (Draws forget them too, but after the last draw nobody does. That a debt ends when there is no competitor
    is what start-time fair queuing prescribes.)
    """
    clock = await _lock(session)
    busy = await session.scalar(select(JobRow.id).where(JobRow.state.in_(ACTIVE_STATES)).limit(1))
    over = TurnRow.owner != _CLOCK
    if busy is not None:
        over &= TurnRow.paid_until <= clock
    return len(list(await session.scalars(delete(TurnRow).where(over).returning(TurnRow.owner)))), []


async def _lock(session: AsyncSession) -> float:
    """The clock. Writing its row makes the draws of all workers wait for each other."""
    clock = await session.execute(_upsert(_dialect(session), keep=True), {"owner": _CLOCK, "paid_until": 0.0})
    return float(clock.scalar_one())


def _dialect(session: AsyncSession) -> str:
    return session.get_bind().dialect.name


@cache
def _upsert(dialect: str, *, keep: bool = False) -> Any:
    """Set an owner's turn; ``keep``: only if there is none, and return the one that is there then."""
    insert: Any = (sqlite if dialect == "sqlite" else postgresql).insert(_TURNS)
    value = _TURNS.c.paid_until if keep else insert.excluded.paid_until
    upsert = insert.on_conflict_do_update(index_elements=["owner"], set_={"paid_until": value})
    return upsert.returning(_TURNS.c.paid_until) if keep else upsert


async def _swap_tickets(session: AsyncSession, one: str, two: str) -> None:
    columns = (JobRow.ticket, JobRow.published_at, JobRow.queue_epoch)
    found = await session.execute(
        select(JobRow.id, *columns).where(JobRow.id.in_([one, two])).with_for_update()
    )
    held = {row.id: row for row in found}
    for job_id, other in ((one, two), (two, one)):
        await session.execute(
            update(JobRow)
            .where(JobRow.id == job_id)
            .values(
                ticket=held[other].ticket,
                published_at=held[other].published_at,
                queue_epoch=held[other].queue_epoch,
            )
            .execution_options(synchronize_session=False)
        )
