"""Read jobs for lists, and the retries of a job; everything else goes through the ledger."""

from collections.abc import Sequence

from sqlalchemy import select

from app.infra.db import Sessions
from app.jobs.job import RETRYABLE_STATES, Job, JobKind, JobState
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


async def last_retry(sessions: Sessions, job: Job) -> Job:
    """The job that has taken over what ``job`` was to make: the retry, or the retry's retry; else itself."""
    while job.state in RETRYABLE_STATES:
        async with sessions() as session:
            row = await session.scalar(select(JobRow).where(JobRow.retry_of == job.id))
        if row is None:
            break
        job = row.to_job()
    return job
