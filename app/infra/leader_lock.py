"""A leader lock in the database: one replica at a time does a chore, and renews the lock.

Clocks of replicas may differ by a while: then two hold the lease for a moment. What is done under it
must therefore be harmless when done twice; the lease saves work, it does not fence.
"""

from datetime import datetime, timedelta

from sqlalchemy import String, delete, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import CLOCK_SKEW, Base, Sessions, UTCDateTime, utcnow


class LeaseRow(Base):
    """A chore that one process at a time does. Free once ``until`` has passed."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime] = mapped_column(UTCDateTime)


async def take_lease(sessions: Sessions, name: str, holder: str, ttl: timedelta) -> bool:
    """Take or renew the lease for ``ttl``. False: somebody else holds it."""
    async with sessions.begin() as session:
        if await renew_lease(session, name, holder, ttl):
            return True
    try:
        async with sessions.begin() as session:
            session.add(LeaseRow(name=name, holder=holder, until=utcnow() + ttl))
    except IntegrityError:
        return False
    return True


async def renew_lease(session: AsyncSession, name: str, holder: str, ttl: timedelta) -> bool:
    """The same for a lease that exists, as the first statement of a transaction.

    Until its end nobody else can take the lease, and SQLite's write lock is held.
    """
    now = utcnow()
    taken = await session.scalar(
        update(LeaseRow)
        .where(
            LeaseRow.name == name,
            or_(LeaseRow.holder == holder, LeaseRow.until < now, LeaseRow.until > now + ttl + CLOCK_SKEW),
        )
        .values(holder=holder, until=now + ttl)
        .returning(LeaseRow.name)
        .execution_options(synchronize_session=False)
    )
    return taken is not None


async def drop_lease(sessions: Sessions, name: str, holder: str) -> None:
    """Let the next one have it at once."""
    async with sessions.begin() as session:
        await session.execute(delete(LeaseRow).where(LeaseRow.name == name, LeaseRow.holder == holder))
