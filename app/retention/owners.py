"""Export or erase all that an owner has."""

import asyncio
import base64
import json
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete, select, update

from app.audit.tables import AuditRow
from app.auth.tables import ApiKeyRow, RateRow
from app.files.tables import FileRow
from app.images.tables import ImageRow
from app.infra.blobs import Blobs
from app.infra.db import Sessions, utcnow
from app.jobs.forgetting import Leftovers
from app.jobs.job import ACTIVE_STATES
from app.jobs.ledger import Ledger
from app.jobs.tables import JobRow
from app.migrations.tables import Base
from app.styles.tables import StyleRow

_SECRET = frozenset({"secret", "digest", "claim", "blob_key"})  # columns that are not the owner's to have
_KEPT = frozenset({ApiKeyRow.__tablename__, AuditRow.__tablename__})  # keys are revoked: see their table


def _owned() -> list[Table]:
    """Tables whose rows belong to somebody, those that refer to others first."""
    return [table for table in reversed(Base.metadata.sorted_tables) if "owner" in table.c]


async def export_owner(sessions: Sessions, blobs: Blobs, owner: str, folder: Path) -> int:
    """Write ``owner.json`` and all files into a new folder; how many files."""
    await asyncio.to_thread(folder.mkdir, parents=True, mode=0o700)
    about: dict[str, list[dict[str, Any]]] = {}
    async with sessions() as session:
        for table in _owned():
            rows = (await session.execute(select(table).where(table.c.owner == owner))).mappings()
            about[table.name] = [
                {name: value for name, value in row.items() if name not in _SECRET} for row in rows
            ]
        files = [
            (row.id, row.blob_key)
            for table in (ImageRow, FileRow, StyleRow)
            for row in await session.execute(
                select(table.id, table.blob_key).where(table.owner == owner, table.blob_key.is_not(None))
            )
        ]
    (folder / "owner.json").write_text(json.dumps(about, indent=2, default=_plain), encoding="utf-8")
    for name, key in files:
        (folder / f"{name}{Path(key).suffix}").write_bytes(await blobs.get(key))
    return len(files)


async def erase_owner(sessions: Sessions, ledger: Ledger, owner: str) -> Leftovers:
    """Revoke the keys, end the jobs, delete the rest; what is to go after it."""
    async with sessions.begin() as session:
        await session.execute(
            update(ApiKeyRow)
            .where(ApiKeyRow.owner == owner, ApiKeyRow.revoked_at.is_(None))
            .values(revoked_at=utcnow(), name="")
        )
    await _end_jobs(sessions, ledger, owner)
    left = Leftovers()
    async with sessions.begin() as session:
        for table in _owned():
            if table.name in _KEPT:
                continue
            gone = delete(table).where(table.c.owner == owner)
            if "blob_key" in table.c:
                keys = await session.scalars(gone.returning(table.c.blob_key))
                left.keys += [key for key in keys if key is not None]
            elif table is JobRow.__table__:
                left.jobs += await session.scalars(gone.returning(table.c.id))
            else:
                await session.execute(gone)
        own_keys = select(ApiKeyRow.id).where(ApiKeyRow.owner == owner)
        await session.execute(delete(RateRow).where(RateRow.key_id.in_(own_keys)))
    return left


async def _end_jobs(sessions: Sessions, ledger: Ledger, owner: str) -> None:
    """A worker that still computes one finds that its attempt counts no longer."""
    async with sessions() as session:
        query = select(JobRow.id).where(JobRow.owner == owner, JobRow.state.in_(ACTIVE_STATES))
        active: Collection[str] = list(await session.scalars(query))
    for job_id in active:
        await ledger.request_cancel(job_id)
    await ledger.end_canceling(timedelta(0), owner=owner)


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else str(value)
