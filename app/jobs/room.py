"""How many jobs may be unfinished: of all, so that the queue is bounded, and of one owner."""

from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import QueueFullError, QuotaExceededError
from app.infra.db import table_of
from app.jobs.model import ACTIVE_STATES
from app.jobs.tables import JobRow

_RETRY = {"Retry-After": "10"}
_C = table_of(JobRow).c
UNFINISHED = select(
    func.count().label("all"), func.count().filter(_C.owner == bindparam("owner")).label("own")
).where(_C.state.in_(ACTIVE_STATES))
"""One row: the unfinished jobs of ``all``, and the ``owner``'s ``own``; a few hundred at most."""


async def check_room(
    session: AsyncSession, new: int, owner: str | None, max_active: int | None, max_per_owner: int | None
) -> None:
    """Raise QueueFullError or QuotaExceededError.

    ``new``: how many of the jobs that are counted are the ones that ask for room.
    """
    if max_active is not None or (max_per_owner is not None and owner is not None):
        row = (await session.execute(UNFINISHED, {"owner": owner})).one()
        refuse_beyond(row, new, owner, max_active, max_per_owner)


def refuse_beyond(
    unfinished: Any, new: int, owner: str | None, max_active: int | None, max_per_owner: int | None
) -> None:
    """The same for a row of ``UNFINISHED``."""
    if max_active is not None and unfinished.all >= max_active + new:
        raise QueueFullError(
            f"The queue is full ({max_active} jobs wait or run): try again in a few seconds.", headers=_RETRY
        )
    if max_per_owner is not None and owner is not None and unfinished.own >= max_per_owner + new:
        raise QuotaExceededError(
            f"You have {max_per_owner} unfinished jobs, as many as one owner may have: wait for some of "
            "them, or cancel some.",
            headers=_RETRY,
        )
