"""The table of idempotency keys."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime


class IdempotencyKeyRow(Base):
    """A key of an owner and what its first request has made (None: that request is in flight)."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))  # SHA-256 of the request
    claim: Mapped[str] = mapped_column(String(40))  # which request is in flight: a fencing token
    claimed_until: Mapped[datetime] = mapped_column(UTCDateTime)  # a claim that nobody renews is abandoned
    resource_id: Mapped[str | None] = mapped_column(String(40))  # a job, or an imported style
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
