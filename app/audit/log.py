"""Writing and reading the audit log."""

from collections.abc import Sequence
from datetime import timedelta

from fastapi import Request
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.tables import AuditRow
from app.auth.authenticator import key_of
from app.ids import new_id
from app.infra.db import Sessions, utcnow

_KEPT = timedelta(days=400)
_FORGOTTEN = 500  # entries a transaction


async def note(
    sessions: Sessions, action: str, owner: str, subject: str, *, request: Request | None = None
) -> None:
    """Add an entry: what ``request`` did, or somebody at the machine."""
    async with sessions.begin() as session:
        session.add(
            AuditRow(
                id=new_id("aud"),
                at=utcnow(),
                owner=owner,
                key_id=key_of(request) if request is not None else None,
                action=action,
                subject=subject,
            )
        )


async def entries(sessions: Sessions, owner: str | None = None, *, limit: int = 1000) -> Sequence[AuditRow]:
    """The newest last."""
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if owner is not None:
        query = query.where(AuditRow.owner == owner)
    async with sessions() as session:
        return list(reversed(list(await session.scalars(query))))


async def forget_entries(session: AsyncSession) -> tuple[int, list[str]]:
    """A chore of the sweeper: entries of more than a year."""
    query = select(AuditRow.id).where(AuditRow.at < utcnow() - _KEPT).limit(_FORGOTTEN)
    ids = list(await session.scalars(query))
    await session.execute(delete(AuditRow).where(AuditRow.id.in_(ids)))
    return len(ids), []
