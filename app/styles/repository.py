"""Reading and deleting styles."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select

from app.errors import StyleNotFoundError, StyleNotReadyError
from app.images.tables import ImageRole, ImageRow
from app.infra.db import Sessions
from app.jobs.model import JobState
from app.jobs.tables import JobRow
from app.styles.tables import StyleRow


@dataclass(frozen=True)
class StyleRecord:
    """A style, and the state of the job that makes it (None: imported)."""

    row: StyleRow
    job_state: JobState | None


async def get_style(sessions: Sessions, owner: str, style_id: str) -> StyleRecord:
    """Raises StyleNotFoundError, also for a style of somebody else."""
    found = await _select(sessions, owner, style_id=style_id, limit=1)
    if not found:
        raise StyleNotFoundError(
            f"There is no style {style_id}: check the id, or list styles with GET /v1/styles."
        )
    return found[0]


async def get_ready_style(sessions: Sessions, owner: str, style_id: str) -> StyleRow:
    """A style that can be applied. Raises StyleNotFoundError, StyleNotReadyError."""
    record = await get_style(sessions, owner, style_id)
    if record.row.blob_key is None:
        if record.job_state is not None and record.job_state.terminal:
            raise StyleNotReadyError(
                f"Style {style_id} was never finished (its job {record.row.job_id} {record.job_state}): "
                "create it again."
            )
        raise StyleNotReadyError(
            f"Style {style_id} is still being adapted: wait for its job {record.row.job_id} to succeed."
        )
    return record.row


async def list_styles(
    sessions: Sessions, owner: str, *, limit: int, after: str | None
) -> Sequence[StyleRecord]:
    """The newest styles first, older than the id ``after``."""
    return await _select(sessions, owner, limit=limit, after=after)


async def _select(
    sessions: Sessions, owner: str, *, limit: int, style_id: str | None = None, after: str | None = None
) -> list[StyleRecord]:
    query = (
        select(StyleRow, JobRow.state)
        .outerjoin(JobRow, JobRow.id == StyleRow.job_id)
        .where(StyleRow.owner == owner)
        .order_by(StyleRow.id.desc())
        .limit(limit)
    )
    if style_id is not None:
        query = query.where(StyleRow.id == style_id)
    if after is not None:
        query = query.where(StyleRow.id < after)
    async with sessions() as session:
        found = await session.execute(query)
        return [StyleRecord(row, JobState(state) if state else None) for row, state in found]


async def insert_style(sessions: Sessions, row: StyleRow) -> None:
    """Add a style that has no job (an imported one)."""
    async with sessions.begin() as session:
        session.add(row)


async def delete_style(sessions: Sessions, row: StyleRow) -> list[str]:
    """Delete the style and its example images; returns the keys of their blobs."""
    async with sessions.begin() as session:
        keys = await session.scalars(
            delete(StyleRow).where(StyleRow.id == row.id).returning(StyleRow.blob_key)
        )
        blobs = [key for key in keys if key is not None]
        if row.job_id is not None:
            examples = await session.scalars(
                delete(ImageRow)
                .where(ImageRow.job_id == row.job_id, ImageRow.role == ImageRole.EXAMPLE)
                .returning(ImageRow.blob_key)
            )
            blobs.extend(examples)
    return blobs
