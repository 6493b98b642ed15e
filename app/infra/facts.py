"""Facts that all processes of a service share: one row each."""

from sqlalchemy import String, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, Sessions

BASE = "base"
"""The checkpoint that the API runs: workers of another one draw no jobs."""
RESTORED = "restored"
"""When the database was put back from a backup: until it is released, no blob counts as an orphan."""
WATERMARK = "watermark"
"""The service's number in the watermarks of its results."""


class FactRow(Base):
    """A fact by its name."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))


async def read_fact(sessions: Sessions, name: str) -> str | None:
    """Its value; None: nobody has said it."""
    async with sessions() as session:
        value: str | None = await session.scalar(select(FactRow.value).where(FactRow.name == name))
    return value


async def set_fact(sessions: Sessions, name: str, value: str | None) -> str | None:
    """Say it, or take it back; what it was before."""
    async with sessions.begin() as session:
        before: str | None = await session.scalar(
            delete(FactRow).where(FactRow.name == name).returning(FactRow.value)
        )
        if value is not None:
            session.add(FactRow(name=name, value=value))
    return before


async def settle_fact(sessions: Sessions, name: str, value: str) -> str:
    """Say it, unless somebody has; what it is then."""
    if (said := await read_fact(sessions, name)) is not None:
        return said
    try:
        async with sessions.begin() as session:
            session.add(FactRow(name=name, value=value))
    except IntegrityError:  # another process was faster
        return await settle_fact(sessions, name, value)
    return value
