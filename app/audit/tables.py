"""The table of the audit log: who did what to which thing, without the content of the thing."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime


class AuditRow(Base):
    """One act. ``key_id`` None: at the machine itself, or without a key."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "owner", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    owner: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str | None] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(40))  # e.g. "key.revoked"
    subject: Mapped[str] = mapped_column(String(64))  # an id
