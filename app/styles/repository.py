"""Read, change and delete rows of styles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import (
    ResourceInUseError,
    StyleNotFoundError,
    StyleNotReadyError,
    StyleOfOtherModalityError,
)
from app.files.repository import delete_files
from app.idempotency.keys import Claim
from app.images.repository import delete_images
from app.infra.db import Sessions, table_of
from app.infra.facts import BASE, FactRow
from app.jobs.forgetting import Leftovers, with_tries
from app.jobs.job import ACTIVE_STATES, JobState
from app.jobs.ledger import Effects
from app.jobs.references import inputs_of_style, style_is_needed, unfinished, works_of_style
from app.jobs.tables import JobRow
from app.styles.outdated import outdated
from app.styles.tables import PRESET_OWNER, StyleRow
from model.modality import IMAGE


class StyleStatus(StrEnum):
    """Whether a style can be applied."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    CANCELED = "canceled"
    OUTDATED = "outdated"  # learned on another checkpoint than the service runs now


@dataclass(frozen=True)
class StyleRecord:
    """A style, the state of the job that makes it (None: imported), and the base that the service runs."""

    row: StyleRow
    job_state: JobState | None
    base: str | None = None

    @property
    def status(self) -> StyleStatus:
        """As ``_CONDITIONS`` say it in SQL."""
        if self.row.blob_key is not None:
            if self.base in (None, self.row.base_hash):
                return StyleStatus.READY
            running = self.job_state is not None and not self.job_state.terminal
            return StyleStatus.PENDING if running else StyleStatus.OUTDATED  # being learned again
        if self.job_state is JobState.CANCELED:
            return StyleStatus.CANCELED
        if self.job_state is not None and self.job_state.terminal:
            return StyleStatus.FAILED
        return StyleStatus.PENDING


_BASE = (
    select(FactRow.value)
    .where(FactRow.name == case((StyleRow.modality == IMAGE, BASE), else_=BASE + "_" + StyleRow.modality))
    .correlate(StyleRow)
    .scalar_subquery()
)
_UNFINISHED = StyleRow.blob_key.is_(None)
_USABLE = func.coalesce(_BASE, StyleRow.base_hash) == StyleRow.base_hash
_RUNS = func.coalesce(JobRow.state, "").in_(ACTIVE_STATES)
_CONDITIONS: dict[StyleStatus, ColumnElement[bool]] = {
    StyleStatus.READY: and_(~_UNFINISHED, _USABLE),
    StyleStatus.OUTDATED: and_(~_UNFINISHED, ~_USABLE, ~_RUNS),
    StyleStatus.CANCELED: and_(_UNFINISHED, JobRow.state == JobState.CANCELED),
    StyleStatus.FAILED: and_(
        _UNFINISHED, JobRow.state.in_([JobState.SUCCEEDED, JobState.FAILED, JobState.EXPIRED])
    ),
    StyleStatus.PENDING: or_(
        and_(_UNFINISHED, or_(JobRow.state.is_(None), _RUNS)), and_(~_UNFINISHED, ~_USABLE, _RUNS)
    ),
}


_STYLES, _JOBS = table_of(StyleRow), table_of(JobRow)
_WITH_STATE = (
    select(*_STYLES.c, _JOBS.c.state.label("job_state"), _BASE.label("base"))
    .select_from(_STYLES.outerjoin(_JOBS, _JOBS.c.id == _STYLES.c.job_id))
    .where(_STYLES.c.id == bindparam("id"))
)
_HELD = (
    select(_STYLES.c.id)
    .where(
        _STYLES.c.id.in_(bindparam("ids", expanding=True)),
        _STYLES.c.owner.in_([bindparam("owner"), PRESET_OWNER]),
        _STYLES.c.blob_key.is_not(None),
    )
    .with_for_update(read=True)
)


async def get_style(sessions: Sessions, owner: str, style_id: str) -> StyleRecord:
    """A style of the owner, or a preset. Raises StyleNotFoundError, also for a style of somebody else."""
    found = await sessions.row(_WITH_STATE, id=style_id)
    if found is None or found.owner not in (owner, PRESET_OWNER):
        raise StyleNotFoundError(
            f"There is no style {style_id}: check the id, or list styles with GET /v1/styles."
        )
    columns = dict(found._mapping)
    state, base = columns.pop("job_state"), columns.pop("base")
    return _record(StyleRow(**columns), state, base)


async def get_own_style(sessions: Sessions, owner: str, style_id: str) -> StyleRecord:
    """A style that its owner may change. Raises StyleNotFoundError, also for a preset."""
    record = await get_style(sessions, owner, style_id)
    if record.row.owner != owner:
        raise StyleNotFoundError(
            f"Style {style_id} is a preset, which everybody can use and nobody can change: download its file "
            "and import it to have one of your own."
        )
    return record


async def get_ready_style(sessions: Sessions, owner: str, style_id: str) -> StyleRow:
    """A style that has a file. Raises StyleNotFoundError, StyleNotReadyError."""
    record = await get_style(sessions, owner, style_id)
    if record.row.blob_key is None:
        raise _not_ready(record)
    return record.row


def _not_ready(record: StyleRecord) -> StyleNotReadyError:
    style_id, job_id = record.row.id, record.row.job_id
    if record.status is StyleStatus.PENDING:
        return StyleNotReadyError(
            f"Style {style_id} is still being adapted: wait for its job {job_id} to succeed."
        )
    return StyleNotReadyError(
        f"Style {style_id} was never finished (its job {job_id} {record.job_state}): create it again."
    )


async def get_usable_style(sessions: Sessions, owner: str, style_id: str, modality: str = IMAGE) -> StyleRow:
    """A style of a modality that can be applied with the base that the service runs.

    Raises StyleNotFoundError, StyleOfOtherModalityError, StyleNotReadyError, StyleBaseMismatchError.
    """
    record = await get_style(sessions, owner, style_id)
    if record.row.modality != modality:
        raise StyleOfOtherModalityError(
            f"Style {style_id} was learned from {record.row.modality} examples, and one of {modality} is "
            "needed here: choose another one, or learn one with POST /v1/styles."
        )
    if record.status is StyleStatus.OUTDATED:
        raise outdated(style_id, imported=record.row.job_id is None)
    if record.status is not StyleStatus.READY:
        raise _not_ready(record)
    return record.row


async def list_styles(
    sessions: Sessions,
    owner: str,
    *,
    limit: int,
    after: str | None = None,
    statuses: Sequence[StyleStatus] = (),
    name: str | None = None,
    modality: str | None = None,
) -> Sequence[StyleRecord]:
    """The newest styles first, older than the id ``after``; ``name`` is a part of the name, in any case."""
    query = _query(owner).order_by(StyleRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(StyleRow.id < after)
    if statuses:
        query = query.where(or_(*(_CONDITIONS[status] for status in statuses)))
    if modality is not None:
        query = query.where(StyleRow.modality == modality)
    if name is not None:
        query = query.where(StyleRow.name.icontains(name, autoescape=True))
    async with sessions() as session:
        return [_record(*found) for found in await session.execute(query)]


def _query(owner: str) -> Select[StyleRow, str, str]:
    return (
        select(StyleRow, JobRow.state, _BASE)
        .outerjoin(JobRow, JobRow.id == StyleRow.job_id)
        .where(StyleRow.owner == owner)
    )


def _record(row: StyleRow, state: str | None, base: str | None) -> StyleRecord:
    return StyleRecord(row, JobState(state) if state else None, base)


async def insert_style(sessions: Sessions, row: StyleRow, claim: Claim | None, check: Effects) -> None:
    """Add a style that has no job (an imported one), with the idempotency key of its request.

    Raises what ``check`` does, in the same transaction.
    """
    async with sessions.begin() as session:
        session.add(row)
        await session.flush()
        await check(session)
        if claim is not None:
            await claim.record(session, row.id)


async def update_style(sessions: Sessions, owner: str, style_id: str, values: Mapping[str, Any]) -> None:
    """Set columns. Raises StyleNotFoundError."""
    await get_own_style(sessions, owner, style_id)
    if not values:
        return
    async with sessions.begin() as session:
        await session.execute(
            update(StyleRow).where(StyleRow.id == style_id, StyleRow.owner == owner).values(**values)
        )


async def hold_styles(session: AsyncSession, owner: str, style_ids: Iterable[str]) -> None:
    """In the transaction of a job that renders with them: they are there, and are not deleted before it ends.

    Raises StyleNotFoundError. PostgreSQL locks the rows; SQLite's writers stand in a line anyway.
    """
    wanted = set(style_ids)
    found = set(await session.scalars(_HELD, {"ids": sorted(wanted), "owner": owner}))
    if gone := sorted(wanted - found):
        raise StyleNotFoundError(f"Style {gone[0]} was deleted meanwhile: choose another one.")


async def delete_style(sessions: Sessions, row: StyleRow) -> Leftovers:
    """Delete the style and what its own job alone was given.

    Raises ResourceInUseError when a job that waits or runs renders with it.
    """
    async with sessions.begin() as session:
        keys = await session.scalars(
            delete(StyleRow).where(StyleRow.id == row.id).returning(StyleRow.blob_key)
        )
        blobs = [key for key in keys if key is not None]
        if style_is_needed(await unfinished(session, row.owner), row.id):
            raise _in_use(row.id)
        if row.job_id is not None and (job := await session.get(JobRow, row.job_id)) is not None:
            blobs += await delete_images(session, inputs_of_style(job.to_job()))
            blobs += await delete_files(session, works_of_style(job.to_job()))
        jobs = await with_tries(session, [row.job_id])
    return Leftovers(blobs, jobs)


async def refuse_if_rendered(sessions: Sessions, owner: str, style_id: str) -> None:
    """Raise ResourceInUseError when ``delete_style`` would."""
    async with sessions() as session:
        if style_is_needed(await unfinished(session, owner), style_id):
            raise _in_use(style_id)


def _in_use(style_id: str) -> ResourceInUseError:
    return ResourceInUseError(
        f"A stylization that waits or runs needs style {style_id}: cancel its job or wait, then delete."
    )
