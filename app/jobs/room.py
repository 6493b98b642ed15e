"""How many jobs may be unfinished: of all, so that the queue is bounded, and of one owner."""

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import QueueFullError, QuotaExceededError
from app.infra.db import table_of
from app.jobs.model import ACTIVE_STATES
from app.jobs.tables import JobRow

_RETRY = {"Retry-After": "10"}
_C = table_of(JobRow).c
_UNFINISHED = select(
    func.count().label("all"), func.count().filter(_C.owner == bindparam("owner")).label("own")
).where(_C.state.in_(ACTIVE_STATES))


async def check_room(
    session: AsyncSession, new: int, owner: str | None, max_active: int | None, max_per_owner: int | None
) -> None:
    """Raise QueueFullError or QuotaExceededError.

    ``new``: how many of the jobs that are counted are the ones that ask for room.
    """
    if max_active is None and (max_per_owner is None or owner is None):
        return
    unfinished, own = (await session.execute(_UNFINISHED, {"owner": owner})).one()
    if max_active is not None and unfinished >= max_active + new:
        raise QueueFullError(
            f"The queue is full ({max_active} jobs wait or run): try again in a few seconds.", headers=_RETRY
        )
    if max_per_owner is None or owner is None:
        return
    if own >= max_per_owner + new:
        raise QuotaExceededError(
            f"You have {max_per_owner} unfinished jobs, as many as one owner may have: wait for some of "
            "them, or cancel some.",
            headers=_RETRY,
        )
