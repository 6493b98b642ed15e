"""Reading stylizations."""

from sqlalchemy import select

from app.errors import StylizationNotFoundError
from app.infra.db import Sessions
from app.jobs.model import Job
from app.jobs.schemas import JobOut, result_images
from app.jobs.tables import JobRow
from app.stylizations.schemas import StylizationOut
from app.stylizations.tables import StylizationRow


async def get_stylization(sessions: Sessions, owner: str, stylization_id: str) -> tuple[StylizationRow, Job]:
    """The stylization and its job. Raises StylizationNotFoundError."""
    query = (
        select(StylizationRow, JobRow)
        .join(JobRow, JobRow.id == StylizationRow.job_id)
        .where(StylizationRow.id == stylization_id, StylizationRow.owner == owner)
    )
    async with sessions() as session:
        found = (await session.execute(query)).one_or_none()
    if found is None:
        raise StylizationNotFoundError(
            f"There is no stylization {stylization_id}: take its id from the answer that created it."
        )
    return found[0], found[1].to_job()


def stylization_out(row: StylizationRow, job: Job) -> StylizationOut:
    """The row on the wire."""
    return StylizationOut(
        id=row.id,
        style_id=row.style_id,
        created_at=row.created_at,
        job=JobOut.of(job),
        images=result_images(job),
    )
