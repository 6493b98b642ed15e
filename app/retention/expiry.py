"""Delete expired rows, and the rows that nothing needs any more.

Every function deletes one batch in the caller's transaction and returns how many rows that were, and the keys
of the blobs that lost theirs.

The row goes first and its blob after the commit: a process that dies in between leaves a blob without a
row, which :mod:`app.retention.orphans` finds, never a row without its blob.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.batches.tables import BatchItemRow, BatchRow
from app.files.repository import delete_files
from app.files.tables import FileRole, FileRow
from app.generations.tables import GenerationRow
from app.images.tables import ImageRole, ImageRow
from app.infra.db import Base
from app.jobs.forgetting import forget_names, with_tries
from app.jobs.job import ACTIVE_STATES
from app.jobs.references import inputs_of_style, works_of_style
from app.jobs.tables import JobRow
from app.styles.tables import StyleRow
from app.stylizations.tables import StylizationRow
from app.webhooks.outbox import forget_messages

BATCH = 200
"""Rows of a kind that one transaction takes: writers of requests wait for no longer."""


async def expire_images(session: AsyncSession, now: datetime) -> tuple[int, list[str]]:
    """Images past their time whose job is over and that no unfinished job names."""
    query = (
        select(ImageRow.id)
        .where(ImageRow.expires_at <= now, ~_active(ImageRow.job_id))
        .order_by(ImageRow.expires_at)
        .limit(BATCH)
    )
    ids = await _free(session, query, ImageRow.id, lambda: _named_by_active_jobs(session, "img_"))
    keys = await session.scalars(delete(ImageRow).where(ImageRow.id.in_(ids)).returning(ImageRow.blob_key))
    return len(ids), list(keys)


async def expire_files(session: AsyncSession, now: datetime) -> tuple[int, list[str]]:
    """Files past their time whose job is over and that no unfinished job names."""
    query = (
        select(FileRow.id)
        .where(FileRow.expires_at <= now, ~_active(FileRow.job_id))
        .order_by(FileRow.expires_at)
        .limit(BATCH)
    )
    ids = await _free(session, query, FileRow.id, lambda: _named_by_active_jobs(session, "fil_"))
    keys = await session.scalars(delete(FileRow).where(FileRow.id.in_(ids)).returning(FileRow.blob_key))
    return len(ids), list(keys)


async def expire_generations(session: AsyncSession, now: datetime) -> tuple[int, list[str]]:
    """Generations past their time whose files are gone."""
    files = exists().where(FileRow.job_id == GenerationRow.job_id, FileRow.role == FileRole.RESULT)
    query = (
        select(GenerationRow.id)
        .where(GenerationRow.expires_at <= now, ~files)
        .order_by(GenerationRow.expires_at)
        .limit(BATCH)
    )

    async def in_the_making() -> set[str]:
        return set(await session.scalars(select(GenerationRow.id).where(_active(GenerationRow.job_id))))

    ids = await _free(session, query, GenerationRow.id, in_the_making)
    gone = await session.scalars(
        delete(GenerationRow).where(GenerationRow.id.in_(ids)).returning(GenerationRow.job_id)
    )
    await forget_messages(session, await with_tries(session, list(gone)))
    return len(ids), []


async def expire_stylizations(session: AsyncSession, now: datetime) -> tuple[int, list[str]]:
    """Stylizations past their time whose pictures are gone."""
    pictures = exists().where(ImageRow.job_id == StylizationRow.job_id, ImageRow.role == ImageRole.RESULT)
    query = (
        select(StylizationRow.id)
        .where(StylizationRow.expires_at <= now, ~pictures)
        .order_by(StylizationRow.expires_at)
        .limit(BATCH)
    )

    async def in_the_making() -> set[str]:
        return set(await session.scalars(select(StylizationRow.id).where(_active(StylizationRow.job_id))))

    ids = await _free(session, query, StylizationRow.id, in_the_making)
    gone = await session.scalars(
        delete(StylizationRow).where(StylizationRow.id.in_(ids)).returning(StylizationRow.job_id)
    )
    jobs = await with_tries(session, list(gone))
    await forget_names(session, jobs)
    await forget_messages(session, jobs)
    return len(ids), []


async def expire_batches(session: AsyncSession, now: datetime) -> tuple[int, list[str]]:
    """Batches past their time whose pictures are gone, with the names that their photos had."""
    pictures = exists().where(BatchItemRow.batch_id == BatchRow.id, BatchItemRow.image_id == ImageRow.id)
    query = (
        select(BatchRow.id)
        .where(BatchRow.expires_at <= now, ~pictures)
        .order_by(BatchRow.expires_at)
        .limit(BATCH)
    )

    async def in_the_making() -> set[str]:
        return set(await session.scalars(select(BatchRow.id).where(_active(BatchRow.job_id))))

    ids = await _free(session, query, BatchRow.id, in_the_making)
    await session.execute(delete(BatchItemRow).where(BatchItemRow.batch_id.in_(ids)))
    gone = await session.scalars(delete(BatchRow).where(BatchRow.id.in_(ids)).returning(BatchRow.job_id))
    await forget_messages(session, await with_tries(session, list(gone)))
    return len(ids), []


async def expire_styles(session: AsyncSession, now: datetime) -> tuple[int, list[str]]:
    """Styles past their time that no unfinished job makes or uses, with what their jobs were given."""
    query = (
        select(StyleRow.id)
        .where(StyleRow.expires_at <= now, ~_active(StyleRow.job_id))
        .order_by(StyleRow.expires_at)
        .limit(BATCH)
    )
    ids = await _free(session, query, StyleRow.id, lambda: _named_by_active_jobs(session, "sty_"))
    gone = (
        await session.execute(
            delete(StyleRow).where(StyleRow.id.in_(ids)).returning(StyleRow.blob_key, StyleRow.job_id)
        )
    ).all()
    makers = select(JobRow).where(JobRow.id.in_([row.job_id for row in gone if row.job_id]))
    jobs = [row.to_job() for row in await session.scalars(makers)]
    inputs = [given for job in jobs for given in inputs_of_style(job)]
    works = select(FileRow.id).where(FileRow.id.in_([work for job in jobs for work in works_of_style(job)]))
    own_works = await _free(session, works, FileRow.id, lambda: _named_by_active_jobs(session, "fil_"))
    files = await delete_files(session, own_works)
    given = select(ImageRow.id).where(ImageRow.id.in_(inputs))
    own = await _free(session, given, ImageRow.id, lambda: _named_by_active_jobs(session, "img_"))
    examples = await session.scalars(
        delete(ImageRow).where(ImageRow.id.in_(own)).returning(ImageRow.blob_key)
    )
    return len(ids), [*(row.blob_key for row in gone if row.blob_key is not None), *examples, *files]


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


async def _free(
    session: AsyncSession,
    query: Select[str],
    column: InstrumentedAttribute[str],
    needed: Callable[[], Awaitable[set[str]]],
) -> list[str]:
    """The ids that ``query`` finds and nobody needs.

    They are locked before it is asked for the last time what is ``needed``: whoever is about to need one
    holds its row by then, and is passed over, or has committed, and is seen. (SQLite has one writer.)
    """
    used = await needed()
    while True:
        found = list(
            await session.scalars(query.where(column.not_in(used)).with_for_update(skip_locked=True))
        )
        used = await needed()
        free = [found_id for found_id in found if found_id not in used]
        if free or not found:  # else all were taken meanwhile: there may be more behind them
            return free


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
