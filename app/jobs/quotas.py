"""Limit the number of unfinished jobs, in all and of each owner."""

from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import QueueFullError, QuotaExceededError
from app.infra.db import table_of
from app.jobs.job import ACTIVE_STATES
from app.jobs.tables import JobRow

_LEAST = 4  # jobs that an owner may have whatever the others have in the queue
_C = table_of(JobRow).c
UNFINISHED = select(
    func.count().label("all"),
    func.count().filter(_C.owner == bindparam("owner")).label("own"),
    func.count(func.distinct(_C.owner)).label("owners"),
).where(_C.state.in_(ACTIVE_STATES))
"""One row: the unfinished jobs of ``all`` ``owners``, and the ``owner``'s ``own``; a few hundred at most."""


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
    """The same for a row of ``UNFINISHED``. The bound of all refuses nobody who has less than their share."""
    if max_active is not None and unfinished.all >= max_active + new:
        owners = unfinished.owners + (unfinished.own == 0)
        share = min(max_active, max(_LEAST, max_active // owners))
        if owner is None or unfinished.own >= share + new:
            wait = _wait(unfinished.all)
            raise QueueFullError(
                f"The queue is full ({max_active} jobs wait or run): try again in {wait} s.",
                headers={"Retry-After": str(wait)},
            )
    if max_per_owner is not None and owner is not None and unfinished.own >= max_per_owner + new:
        raise QuotaExceededError(
            f"You have {max_per_owner} unfinished jobs, as many as one owner may have: wait for some of "
            "them, or cancel some.",
            headers={"Retry-After": str(_wait(unfinished.own))},
        )


def _wait(jobs: int) -> int:
    """Seconds after which asking again may be worth it: by the length of the queue, within ten minutes."""
    return min(600, max(10, jobs // 2))
