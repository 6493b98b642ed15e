"""The table of stylizations: one request to render contents in a style."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime


class StylizationRow(Base):
    """A stylization; its state and its images are those of its job."""

    __tablename__ = "stylizations"
    __table_args__ = (Index(None, "owner", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="local")
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), unique=True)
    style_id: Mapped[str] = mapped_column(String(40))  # kept when the style is deleted
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)  # None: kept
