"""Read and delete rows of stylizations."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, bindparam, delete, select

from app.errors import ResourceInUseError, StylizationNotFoundError
from app.images.repository import delete_images
from app.images.tables import ImageRole, ImageRow
from app.infra.db import Sessions, table_of
from app.jobs.forgetting import Leftovers, forget_names, with_tries
from app.jobs.job import Job, JobState
from app.jobs.repository import last_retry
from app.jobs.tables import JobRow
from app.stylizations.tables import StylizationRow
from app.webhooks.outbox import forget_messages

_C = table_of(StylizationRow).c
_OF_JOB = select(*_C).where(_C.job_id == bindparam("job"))


async def get_stylization(sessions: Sessions, owner: str, stylization_id: str) -> tuple[StylizationRow, Job]:
    """The stylization and its job. Raises StylizationNotFoundError."""
    async with sessions() as session:
        found = (await session.execute(_query(owner).where(StylizationRow.id == stylization_id))).first()
    if found is None:
        raise _unknown(stylization_id)
    return found[0], found[1].to_job()


async def get_stylization_of_job(sessions: Sessions, owner: str, job: Job) -> tuple[StylizationRow, Job]:
    """The stylization that the job was to render, and the job that it has now: a retry, maybe.

    Raises StylizationNotFoundError: it was deleted.
    """
    found = await sessions.row(_OF_JOB, job=job.id)
    if found is None and (retry := await last_retry(sessions, job)) != job:  # since somebody looked
        return await get_stylization_of_job(sessions, owner, retry)
    if found is None or found.owner != owner:
        raise StylizationNotFoundError(
            f"The stylization of job {job.id} was deleted: send the request again."
        )
    return StylizationRow(**found._mapping), job


async def list_stylizations(
    sessions: Sessions,
    owner: str,
    *,
    limit: int,
    after: str | None,
    states: Sequence[JobState] = (),
    style_id: str | None = None,
) -> list[tuple[StylizationRow, Job]]:
    """The newest first, older than the id ``after``; by the states of their jobs and by their style."""
    query = _query(owner).order_by(StylizationRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(StylizationRow.id < after)
    if states:
        query = query.where(JobRow.state.in_(states))
    if style_id is not None:
        query = query.where(StylizationRow.style_id == style_id)
    async with sessions() as session:
        return [(row, job.to_job()) for row, job in await session.execute(query)]


async def delete_stylization(sessions: Sessions, owner: str, stylization_id: str) -> Leftovers:
    """Delete it with its contents, its mask, its results, and the names that its files had.

    Raises StylizationNotFoundError, ResourceInUseError (its job waits or runs).
    """
    async with sessions.begin() as session:
        job_id = await session.scalar(
            delete(StylizationRow)
            .where(StylizationRow.id == stylization_id, StylizationRow.owner == owner)
            .returning(StylizationRow.job_id)
        )
        if job_id is None:
            raise _unknown(stylization_id)
        job = (await session.get_one(JobRow, job_id)).to_job()
        if not job.state.terminal:
            raise ResourceInUseError(
                f"Job {job.id} of this stylization is {job.state}: cancel it or wait for it, then delete."
            )
        results = select(ImageRow.id).where(ImageRow.job_id == job_id, ImageRow.role == ImageRole.RESULT)
        mask = job.params.get("mask")
        keys = await delete_images(
            session,
            [*await session.scalars(results), *job.params.get("contents", ()), *([mask] if mask else [])],
        )
        jobs = await with_tries(session, [job.id])
        await forget_names(session, jobs)
        await forget_messages(session, jobs)
    return Leftovers(keys, jobs)


def _unknown(stylization_id: str) -> StylizationNotFoundError:
    return StylizationNotFoundError(
        f"There is no stylization {stylization_id}: check the id, or list them with GET /v1/stylizations."
    )


def _query(owner: str) -> Select[StylizationRow, JobRow]:
    return (
        select(StylizationRow, JobRow)
        .join(JobRow, JobRow.id == StylizationRow.job_id)
        .where(StylizationRow.owner == owner)
    )
