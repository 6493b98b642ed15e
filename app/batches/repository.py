"""Read and delete rows of batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, bindparam, delete, func, select

from app.batches.tables import BatchItemRow, BatchRow
from app.errors import BatchNotFoundError, ResourceInUseError
from app.files.repository import delete_files
from app.images.tables import ImageRole, ImageRow
from app.infra.db import Sessions, table_of
from app.jobs.forgetting import Leftovers, tries_of
from app.jobs.job import Job, JobState
from app.jobs.references import files_of
from app.jobs.repository import last_retry
from app.jobs.tables import JobRow
from app.webhooks.outbox import forget_messages

_C = table_of(BatchRow).c
_OF_JOB = select(*_C).where(_C.job_id == bindparam("job"))


@dataclass(frozen=True)
class Picture:
    """An item of a batch whose picture is still there."""

    item: BatchItemRow
    blob_key: str
    media_type: str


async def get_batch(sessions: Sessions, owner: str, batch_id: str) -> tuple[BatchRow, Job]:
    """The batch and its job. Raises BatchNotFoundError."""
    async with sessions() as session:
        found = (await session.execute(_query(owner).where(BatchRow.id == batch_id))).first()
    if found is None:
        raise _unknown(batch_id)
    return found[0], found[1].to_job()


async def get_batch_of_job(sessions: Sessions, owner: str, job: Job) -> tuple[BatchRow, Job]:
    """The batch that the job was to draw, and the job that it has now: a retry, maybe.

    Raises BatchNotFoundError: it was deleted.
    """
    found = await sessions.row(_OF_JOB, job=job.id)
    if found is None and (retry := await last_retry(sessions, job)) != job:  # since somebody looked
        return await get_batch_of_job(sessions, owner, retry)
    if found is None or found.owner != owner:
        raise BatchNotFoundError(f"The batch of job {job.id} was deleted: send the request again.")
    return BatchRow(**found._mapping), job


async def list_batches(
    sessions: Sessions, owner: str, *, limit: int, after: str | None, states: Sequence[JobState] = ()
) -> list[tuple[BatchRow, Job]]:
    """The newest first, older than the id ``after``; by the states of their jobs."""
    query = _query(owner).order_by(BatchRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(BatchRow.id < after)
    if states:
        query = query.where(JobRow.state.in_(states))
    async with sessions() as session:
        return [(row, job.to_job()) for row, job in await session.execute(query)]


async def count_items(sessions: Sessions, batch_ids: Collection[str]) -> Mapping[str, tuple[int, int]]:
    """Of each batch with items: how many became pictures, and how many did not."""
    failed = func.count(BatchItemRow.code)
    query = (
        select(BatchItemRow.batch_id, func.count() - failed, failed)
        .where(BatchItemRow.batch_id.in_(batch_ids))
        .group_by(BatchItemRow.batch_id)
    )
    async with sessions() as session:
        return {batch_id: (made, not_made) for batch_id, made, not_made in await session.execute(query)}


async def list_failures(sessions: Sessions, batch_id: str, most: int | None = None) -> list[BatchItemRow]:
    """The first ``most`` items that became no picture; None: all."""
    query = (
        select(BatchItemRow)
        .where(BatchItemRow.batch_id == batch_id, BatchItemRow.code.is_not(None))
        .order_by(BatchItemRow.position)
        .limit(most)
    )
    async with sessions() as session:
        return list(await session.scalars(query))


async def list_pictures(sessions: Sessions, batch_id: str) -> list[Picture]:
    """The pictures that are still there, in the order of the renderings."""
    query = (
        select(BatchItemRow, ImageRow.blob_key, ImageRow.media_type)
        .join(ImageRow, ImageRow.id == BatchItemRow.image_id)
        .where(BatchItemRow.batch_id == batch_id)
        .order_by(BatchItemRow.position)
    )
    async with sessions() as session:
        return [Picture(*row) for row in await session.execute(query)]


async def delete_batch(sessions: Sessions, owner: str, batch_id: str) -> Leftovers:
    """Delete it with its photos and its pictures.

    Raises BatchNotFoundError, ResourceInUseError (its job waits or runs).
    """
    async with sessions.begin() as session:
        row = await session.get(BatchRow, batch_id, with_for_update=True)
        if row is None or row.owner != owner:
            raise _unknown(batch_id)
        job = (await session.get_one(JobRow, row.job_id)).to_job()
        if not job.state.terminal:
            raise ResourceInUseError(
                f"Job {job.id} of this batch is {job.state}: cancel it or wait for it, then delete."
            )
        await session.execute(delete(BatchItemRow).where(BatchItemRow.batch_id == batch_id))
        await session.delete(row)
        jobs = await tries_of(session, job.id)
        pictures = await session.scalars(
            delete(ImageRow)
            .where(ImageRow.job_id.in_(jobs), ImageRow.role == ImageRole.RESULT)
            .returning(ImageRow.blob_key)
            .execution_options(synchronize_session=False)
        )
        keys = [*pictures, *await delete_files(session, files_of(job.params))]
        await forget_messages(session, jobs)
    return Leftovers(keys, jobs)


def _unknown(batch_id: str) -> BatchNotFoundError:
    return BatchNotFoundError(
        f"There is no batch {batch_id}: check the id, or list them with GET /v1/batches."
    )


def _query(owner: str) -> Select[BatchRow, JobRow]:
    return select(BatchRow, JobRow).join(JobRow, JobRow.id == BatchRow.job_id).where(BatchRow.owner == owner)
