"""Read and delete rows of images."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ImageNotFoundError, ResourceInUseError
from app.images.tables import ImageRole, ImageRow
from app.infra.db import Sessions, table_of
from app.jobs.forgetting import Leftovers, forget_names, tries_of
from app.jobs.references import image_is_needed, unfinished

_C = table_of(ImageRow).c
_BY_ID = select(*(column for column in _C if column.name != "manifest")).where(_C.id == bindparam("id"))
_BY_WATERMARK = select(_C.id).where(_C.owner == bindparam("owner"), _C.watermark == bindparam("number"))
_RESULTS = select(_C.id).where(_C.job_id.in_(bindparam("jobs", expanding=True)), _C.role == ImageRole.RESULT)


async def get_image(sessions: Sessions, owner: str | None, image_id: str) -> ImageRow:
    """Raises ImageNotFoundError, also for an image of somebody else (``owner`` None: of whomever)."""
    row = await sessions.row(_BY_ID, id=image_id)
    if row is None or owner not in (None, row.owner):
        raise _unknown(image_id)
    return ImageRow(**row._mapping)


async def get_watermarked(sessions: Sessions, owner: str, number: int) -> str | None:
    """The id of the owner's result with this number in its watermark, the newest of several; None: they have
    none."""
    row = await sessions.few(_BY_WATERMARK, owner=owner, number=number)
    return max((found.id for found in row), default=None)


async def get_results(sessions: Sessions, job_id: str) -> dict[str, ImageRow]:
    """The results of a job that are still there, by id."""
    query = select(ImageRow).where(ImageRow.job_id == job_id, ImageRow.role == ImageRole.RESULT)
    async with sessions() as session:
        return {row.id: row for row in await session.scalars(query)}


async def existing_results(sessions: Sessions, job_ids: Collection[str]) -> set[str]:
    """The ids of the results of these jobs that are still there."""
    if len(job_ids) == 1:
        return {row.id for row in await sessions.few(_RESULTS, jobs=list(job_ids))}
    async with sessions() as session:
        return set(await session.scalars(_RESULTS, {"jobs": list(job_ids)}))


async def list_images(
    sessions: Sessions,
    owner: str,
    *,
    limit: int,
    after: str | None = None,
    roles: Sequence[ImageRole] = (),
    job_id: str | None = None,
) -> list[ImageRow]:
    """The newest images first, older than the id ``after``."""
    query = select(ImageRow).where(ImageRow.owner == owner).order_by(ImageRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(ImageRow.id < after)
    if roles:
        query = query.where(ImageRow.role.in_(roles))
    if job_id is not None:
        query = query.where(ImageRow.job_id == job_id)
    async with sessions() as session:
        return list(await session.scalars(query))


async def delete_image(sessions: Sessions, owner: str, image_id: str) -> Leftovers:
    """Delete the row, and the name that the file had. Raises ImageNotFoundError, ResourceInUseError."""
    async with sessions.begin() as session:
        gone = (
            await session.execute(
                delete(ImageRow)
                .where(ImageRow.id == image_id, ImageRow.owner == owner)
                .returning(ImageRow.blob_key, ImageRow.job_id)
            )
        ).one_or_none()
        if gone is None:
            raise _unknown(image_id)
        if image_is_needed(await unfinished(session, owner), image_id):
            raise ResourceInUseError(
                f"A job that waits or runs needs image {image_id}: cancel it or wait for it, then delete."
            )
        jobs = await tries_of(session, gone.job_id)
        await forget_names(session, jobs, of_image=image_id)
    return Leftovers([gone.blob_key], jobs)


async def delete_images(session: AsyncSession, image_ids: Collection[str]) -> list[str]:
    """Delete rows in a transaction; returns the keys of their blobs, to delete after the commit."""
    keys = await session.scalars(
        delete(ImageRow).where(ImageRow.id.in_(image_ids)).returning(ImageRow.blob_key)
    )
    return list(keys)


async def hold_images(session: AsyncSession, image_ids: Collection[str]) -> bool:
    """Whether all are there; in PostgreSQL they stay until the transaction ends."""
    query = select(ImageRow.id).where(ImageRow.id.in_(image_ids)).with_for_update(read=True)
    return set(await session.scalars(query)) == set(image_ids)


def _unknown(image_id: str) -> ImageNotFoundError:
    return ImageNotFoundError(f"There is no image {image_id}: take its id from the job that made it.")
