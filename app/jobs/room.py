"""How many jobs may be unfinished: of all, so that the queue is bounded, and of one owner."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import QueueFullError, QuotaExceededError
from app.jobs.model import ACTIVE_STATES
from app.jobs.tables import JobRow

_RETRY = {"Retry-After": "10"}


async def check_room(
    session: AsyncSession, new: int, owner: str | None, max_active: int | None, max_per_owner: int | None
) -> None:
    """Raise QueueFullError or QuotaExceededError.

    ``new``: how many of the jobs that are counted are the ones that ask for room.
    """
    query = select(func.count()).select_from(JobRow).where(JobRow.state.in_(ACTIVE_STATES))
    if max_active is not None and (await session.scalar(query) or 0) >= max_active + new:
        raise QueueFullError(
            f"The queue is full ({max_active} jobs wait or run): try again in a few seconds.", headers=_RETRY
        )
    if max_per_owner is None or owner is None:
        return
    if (await session.scalar(query.where(JobRow.owner == owner)) or 0) >= max_per_owner + new:
        raise QuotaExceededError(
            f"You have {max_per_owner} unfinished jobs, as many as one owner may have: wait for some of "
            "them, or cancel some.",
            headers=_RETRY,
        )
