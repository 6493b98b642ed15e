"""Reading, changing and deleting styles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import ResourceInUseError, StyleNotFoundError, StyleNotReadyError
from app.idempotency.keys import Claim
from app.images.repository import delete_images
from app.infra.db import Sessions, table_of
from app.jobs.ledger import Effects
from app.jobs.model import ACTIVE_STATES, JobState
from app.jobs.tables import JobRow
from app.jobs.usage import inputs_of_style, style_is_needed, unfinished
from app.styles.outdated import outdated
from app.styles.tables import StyleRow


class StyleStatus(StrEnum):
    """Whether a style can be applied."""

    PENDING = "pending"
    READY = "ready"
    OUTDATED = "outdated"  # there is a file, of another base checkpoint than the service has now
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True)
class StyleRecord:
    """A style, and the state of the job that makes it (None: imported)."""

    row: StyleRow
    job_state: JobState | None

    def status(self, base: str | None) -> StyleStatus:
        """As ``_conditions`` say it in SQL. ``base``: the service's checkpoint; None: any will do."""
        has_file = self.row.blob_key is not None
        if has_file and base in (None, self.row.base_hash):
            return StyleStatus.READY
        if self.job_state is not None and not self.job_state.terminal:
            return StyleStatus.PENDING
        if has_file:
            return StyleStatus.OUTDATED
        if self.job_state is JobState.CANCELED:
            return StyleStatus.CANCELED
        return StyleStatus.PENDING if self.job_state is None else StyleStatus.FAILED


def _conditions(base: str | None) -> dict[StyleStatus, ColumnElement[bool]]:
    has_file, active = StyleRow.blob_key.is_not(None), JobRow.state.in_(ACTIVE_STATES)
    current = and_(has_file, true() if base is None else StyleRow.base_hash == base)
    over = JobRow.state.in_([JobState.SUCCEEDED, JobState.FAILED, JobState.EXPIRED])
    return {
        StyleStatus.READY: current,
        StyleStatus.PENDING: and_(~current, or_(active, and_(~has_file, JobRow.state.is_(None)))),
        StyleStatus.OUTDATED: and_(has_file, ~current, or_(JobRow.state.is_(None), ~active)),
        StyleStatus.CANCELED: and_(~has_file, JobRow.state == JobState.CANCELED),
        StyleStatus.FAILED: and_(~has_file, over),
    }


_STYLES, _JOBS = table_of(StyleRow), table_of(JobRow)
_WITH_STATE = (
    select(*_STYLES.c, _JOBS.c.state.label("job_state"))
    .select_from(_STYLES.outerjoin(_JOBS, _JOBS.c.id == _STYLES.c.job_id))
    .where(_STYLES.c.id == bindparam("id"))
)
_HELD = (
    select(_STYLES.c.id)
    .where(
        _STYLES.c.id.in_(bindparam("ids", expanding=True)),
        _STYLES.c.owner == bindparam("owner"),
        _STYLES.c.blob_key.is_not(None),
    )
    .with_for_update(read=True)
)


async def get_style(sessions: Sessions, owner: str, style_id: str) -> StyleRecord:
    """Raises StyleNotFoundError, also for a style of somebody else."""
    found = await sessions.row(_WITH_STATE, id=style_id)
    if found is None or found.owner != owner:
        raise StyleNotFoundError(
            f"There is no style {style_id}: check the id, or list styles with GET /v1/styles."
        )
    columns = dict(found._mapping)
    state = columns.pop("job_state")
    return _record(StyleRow(**columns), state)


async def get_ready_style(sessions: Sessions, owner: str, style_id: str, base: str | None) -> StyleRow:
    """A style that can be applied by the checkpoint ``base``; None: that has a file.

    Raises StyleNotFoundError, StyleNotReadyError, StyleBaseMismatchError.
    """
    record = await get_style(sessions, owner, style_id)
    status = record.status(base)
    if status is StyleStatus.PENDING:
        raise StyleNotReadyError(
            f"Style {style_id} is still being adapted: wait for its job {record.row.job_id} to succeed."
        )
    if status is StyleStatus.OUTDATED:
        raise outdated(style_id, imported=record.row.job_id is None)
    if status is not StyleStatus.READY:
        raise StyleNotReadyError(
            f"Style {style_id} was never finished (its job {record.row.job_id} {record.job_state}): "
            "create it again."
        )
    return record.row


async def list_styles(
    sessions: Sessions,
    owner: str,
    *,
    limit: int,
    after: str | None = None,
    base: str | None = None,
    statuses: Sequence[StyleStatus] = (),
    name: str | None = None,
) -> Sequence[StyleRecord]:
    """The newest styles first, older than the id ``after``; ``name`` is a part of the name, in any case.

    ``base``: the service's checkpoint, by which ``statuses`` are told.
    """
    query = _query(owner).order_by(StyleRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(StyleRow.id < after)
    if statuses:
        conditions = _conditions(base)
        query = query.where(or_(*(conditions[status] for status in statuses)))
    if name is not None:
        query = query.where(StyleRow.name.icontains(name, autoescape=True))
    async with sessions() as session:
        return [_record(row, state) for row, state in await session.execute(query)]


def _query(owner: str) -> Select[StyleRow, str]:
    return (
        select(StyleRow, JobRow.state)
        .outerjoin(JobRow, JobRow.id == StyleRow.job_id)
        .where(StyleRow.owner == owner)
    )


def _record(row: StyleRow, state: str | None) -> StyleRecord:
    return StyleRecord(row, JobState(state) if state else None)


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
    await get_style(sessions, owner, style_id)
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


async def delete_style(sessions: Sessions, row: StyleRow) -> list[str]:
    """Delete the style and what its own job alone was given; returns the keys of their blobs.

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
    return blobs


async def refuse_if_rendered(sessions: Sessions, owner: str, style_id: str) -> None:
    """Raise ResourceInUseError when ``delete_style`` would."""
    async with sessions() as session:
        if style_is_needed(await unfinished(session, owner), style_id):
            raise _in_use(style_id)


def _in_use(style_id: str) -> ResourceInUseError:
    return ResourceInUseError(
        f"A stylization that waits or runs needs style {style_id}: cancel its job or wait, then delete."
    )
