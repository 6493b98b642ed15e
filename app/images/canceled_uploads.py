"""Keep the uploads of a canceled job for one more day, in which it can be retried."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.files.tables import FileRow
from app.images.tables import ImageRow
from app.infra.db import utcnow
from app.jobs.job import Job, JobState
from app.jobs.references import files_of, images_of

_KEPT = timedelta(days=1)


async def shorten(session: AsyncSession, job: Job) -> None:
    """In the transaction of the job's end. A style that was to be learned again keeps its examples."""
    if job.state is not JobState.CANCELED or job.params.get("again"):
        return
    soon = utcnow() + _KEPT
    for table, ids in _uploads(job.params):
        await session.execute(
            update(table)
            .where(table.id.in_(ids), or_(table.expires_at.is_(None), table.expires_at > soon))
            .values(expires_at=soon)
            .execution_options(synchronize_session=False)
        )


async def keep(session: AsyncSession, params: dict[str, Any], until: datetime | None) -> None:
    """In the transaction of another job with these parameters: as if uploaded now."""
    for table, ids in _uploads(params):
        await session.execute(
            update(table)
            .where(table.id.in_(ids))
            .values(expires_at=until)
            .execution_options(synchronize_session=False)
        )


def _uploads(params: dict[str, Any]) -> Iterator[tuple[type[ImageRow] | type[FileRow], Sequence[str]]]:
    """The uploads that a job names, by their table; tables without any are left out."""
    if images := images_of(params):
        yield ImageRow, images
    if files := files_of(params):
        yield FileRow, files
