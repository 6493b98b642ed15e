"""Which rows are to go. Every function deletes one batch in the caller's transaction and returns how many
rows that were, and the keys of the blobs that lost theirs.

The row goes first and its blob after the commit: a process that dies in between leaves a blob without a
row, which :mod:`app.retention.orphans` finds, never a row without its blob.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.images.tables import ImageRole, ImageRow
from app.infra.db import Base
from app.jobs.model import ACTIVE_STATES
from app.jobs.tables import JobRow
from app.styles.tables import StyleRow
from app.stylizations.tables import StylizationRow

BATCH = 200
"""Rows of a kind that one transaction takes: writers of requests wait for no longer."""


async def expire_images(session: AsyncSession, now: datetime) -> tuple[int, list[str]]:
    """Images past their time whose job is over and that no unfinished job names."""
    used = await _named_by_active_jobs(session, "img_")
    query = (
        select(ImageRow.id)
        .where(ImageRow.expires_at <= now, ~_active(ImageRow.job_id), ImageRow.id.not_in(used))
        .order_by(ImageRow.expires_at)
        .limit(BATCH)
    )
    ids = list(await session.scalars(query))
    keys = await session.scalars(delete(ImageRow).where(ImageRow.id.in_(ids)).returning(ImageRow.blob_key))
    return len(ids), list(keys)


async def expire_stylizations(session: AsyncSession, now: datetime) -> tuple[int, list[str]]:
    """Stylizations past their time whose pictures are gone."""
    pictures = exists().where(ImageRow.job_id == StylizationRow.job_id, ImageRow.role == ImageRole.RESULT)
    query = (
        select(StylizationRow.id)
        .where(StylizationRow.expires_at <= now, ~_active(StylizationRow.job_id), ~pictures)
        .order_by(StylizationRow.expires_at)
        .limit(BATCH)
    )
    ids = list(await session.scalars(query))
    await session.execute(delete(StylizationRow).where(StylizationRow.id.in_(ids)))
    return len(ids), []


async def expire_styles(session: AsyncSession, now: datetime) -> tuple[int, list[str]]:
    """Styles past their time that no unfinished job makes or uses, with their examples."""
    used = await _named_by_active_jobs(session, "sty_")
    query = (
        select(StyleRow.id, StyleRow.job_id)
        .where(
            StyleRow.expires_at <= now,
            or_(StyleRow.job_id.is_(None), ~_active(StyleRow.job_id)),
            StyleRow.id.not_in(used),
        )
        .order_by(StyleRow.expires_at)
        .limit(BATCH)
    )
    found = (await session.execute(query)).all()
    keys = await session.scalars(
        delete(StyleRow).where(StyleRow.id.in_([row.id for row in found])).returning(StyleRow.blob_key)
    )
    blobs = [key for key in keys if key is not None]
    examples = await session.scalars(
        delete(ImageRow)
        .where(
            ImageRow.job_id.in_([row.job_id for row in found if row.job_id]),
            ImageRow.role == ImageRole.EXAMPLE,
            ImageRow.id.not_in(await _named_by_active_jobs(session, "img_")),
        )
        .returning(ImageRow.blob_key)
    )
    return len(found), [*blobs, *examples]


async def forget_jobs(session: AsyncSession, finished_before: datetime) -> tuple[int, list[str]]:
    """Jobs that were over by then and that no row refers to any more."""
    referring = [
        exists().where(column == JobRow.id)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if any(key.column is JobRow.__table__.c.id for key in column.foreign_keys)
    ]
    query = (
        select(JobRow.id)
        .where(
            JobRow.state.not_in(ACTIVE_STATES),
            JobRow.finished_at < finished_before,
            *(~reference for reference in referring),
        )
        .order_by(JobRow.id)
        .limit(BATCH)
    )
    ids = list(await session.scalars(query))
    await session.execute(delete(JobRow).where(JobRow.id.in_(ids), JobRow.state.not_in(ACTIVE_STATES)))
    return len(ids), []


def _active(job_id: Any) -> ColumnElement[bool]:
    return exists().where(JobRow.id == job_id, JobRow.state.in_(ACTIVE_STATES))


async def _named_by_active_jobs(session: AsyncSession, prefix: str) -> set[str]:
    """Ids that start with ``prefix``, wherever they stand in the parameters of unfinished jobs.

    There are never more of these jobs than ``max_queued_jobs``.
    """
    query = select(JobRow.params, JobRow.style_id).where(JobRow.state.in_(ACTIVE_STATES))
    found = (await session.execute(query)).all()
    return {
        text
        for row in found
        for text in (*_strings(row.params), row.style_id)
        if text and text.startswith(prefix)
    }


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
