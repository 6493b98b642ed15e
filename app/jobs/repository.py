"""Reading jobs for listings; single jobs and every change go through the ledger."""

from collections.abc import Sequence

from sqlalchemy import select

from app.infra.db import Sessions
from app.jobs.job import Job, JobKind, JobState
from app.jobs.tables import JobRow, job_of


async def list_jobs(
    sessions: Sessions,
    owner: str,
    *,
    limit: int,
    after: str | None,
    states: Sequence[JobState] = (),
    kinds: Sequence[JobKind] = (),
    style_id: str | None = None,
) -> list[Job]:
    """The newest jobs first, older than the id ``after``."""
    query = select(JobRow.__table__).where(JobRow.owner == owner).order_by(JobRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(JobRow.id < after)
    if states:
        query = query.where(JobRow.state.in_(states))
    if kinds:
        query = query.where(JobRow.kind.in_(kinds))
    if style_id is not None:
        query = query.where(JobRow.style_id == style_id)
    async with sessions() as session:
        return [job_of(row) for row in await session.execute(query)]
