"""Keep the uploads of a canceled job for one more day, in which it can be retried."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.images.tables import ImageRow
from app.infra.db import utcnow
from app.jobs.job import Job, JobState
from app.jobs.references import images_of

_KEPT = timedelta(days=1)


async def shorten(session: AsyncSession, job: Job) -> None:
    """In the transaction of the job's end. A style that was to be learned again keeps its examples."""
    if job.state is not JobState.CANCELED or job.params.get("again"):
        return
    soon = utcnow() + _KEPT
    await session.execute(
        update(ImageRow)
        .where(
            ImageRow.id.in_(images_of(job.params)),
            or_(ImageRow.expires_at.is_(None), ImageRow.expires_at > soon),
        )
        .values(expires_at=soon)
        .execution_options(synchronize_session=False)
    )


async def keep(session: AsyncSession, params: dict[str, Any], until: datetime | None) -> None:
    """In the transaction of another job with these parameters: as if uploaded now."""
    await session.execute(
        update(ImageRow)
        .where(ImageRow.id.in_(images_of(params)))
        .values(expires_at=until)
        .execution_options(synchronize_session=False)
    )
