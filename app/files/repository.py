"""Read and delete rows of files."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ResourceInUseError, StoredFileNotFoundError
from app.files.tables import FileRole, FileRow
from app.infra.db import Sessions, table_of
from app.jobs.forgetting import Leftovers, tries_of
from app.jobs.references import files_of, unfinished

_C = table_of(FileRow).c
_BY_ID = select(*_C).where(_C.id == bindparam("id"))
_RESULTS = select(_C.id).where(_C.job_id.in_(bindparam("jobs", expanding=True)), _C.role == FileRole.RESULT)


async def get_file(sessions: Sessions, owner: str | None, file_id: str) -> FileRow:
    """Raises StoredFileNotFoundError, also for a file of somebody else (``owner`` None: of whomever)."""
    row = await sessions.row(_BY_ID, id=file_id)
    if row is None or owner not in (None, row.owner):
        raise _unknown(file_id)
    return FileRow(**row._mapping)


async def get_result_files(sessions: Sessions, job_id: str) -> dict[str, FileRow]:
    """The result files of a job that are still there, by id."""
    query = select(FileRow).where(FileRow.job_id == job_id, FileRow.role == FileRole.RESULT)
    async with sessions() as session:
        return {row.id: row for row in await session.scalars(query)}


async def existing_files(sessions: Sessions, job_ids: Collection[str]) -> set[str]:
    """The ids of the result files of these jobs that are still there."""
    if not job_ids:
        return set()
    async with sessions() as session:
        return set(await session.scalars(_RESULTS, {"jobs": list(job_ids)}))


async def list_files(
    sessions: Sessions,
    owner: str,
    *,
    limit: int,
    after: str | None = None,
    roles: Sequence[FileRole] = (),
    job_id: str | None = None,
) -> list[FileRow]:
    """The newest files first, older than the id ``after``."""
    query = select(FileRow).where(FileRow.owner == owner).order_by(FileRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(FileRow.id < after)
    if roles:
        query = query.where(FileRow.role.in_(roles))
    if job_id is not None:
        query = query.where(FileRow.job_id == job_id)
    async with sessions() as session:
        return list(await session.scalars(query))


async def delete_file(sessions: Sessions, owner: str, file_id: str) -> Leftovers:
    """Delete the row. Raises StoredFileNotFoundError, ResourceInUseError."""
    async with sessions.begin() as session:
        gone = (
            await session.execute(
                delete(FileRow)
                .where(FileRow.id == file_id, FileRow.owner == owner)
                .returning(FileRow.blob_key, FileRow.job_id)
            )
        ).one_or_none()
        if gone is None:
            raise _unknown(file_id)
        if any(file_id in files_of(job.params) for job in await unfinished(session, owner)):
            raise ResourceInUseError(
                f"A job that waits or runs needs file {file_id}: cancel it or wait for it, then delete."
            )
        jobs = await tries_of(session, gone.job_id)
    return Leftovers([gone.blob_key], jobs)


async def delete_files(session: AsyncSession, file_ids: Collection[str]) -> list[str]:
    """Delete rows in a transaction; returns the keys of their blobs, to delete after the commit."""
    if not file_ids:
        return []
    return list(
        await session.scalars(delete(FileRow).where(FileRow.id.in_(file_ids)).returning(FileRow.blob_key))
    )


async def hold_files(session: AsyncSession, file_ids: Collection[str]) -> bool:
    """Whether all are there; in PostgreSQL they stay until the transaction ends."""
    if not file_ids:
        return True
    query = select(FileRow.id).where(FileRow.id.in_(file_ids)).with_for_update(read=True)
    return set(await session.scalars(query)) == set(file_ids)


def _unknown(file_id: str) -> StoredFileNotFoundError:
    return StoredFileNotFoundError(f"There is no file {file_id}: take its id from the job that made it.")
