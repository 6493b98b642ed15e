"""The table of generations: one request for results in a style."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime


class GenerationRow(Base):
    """A generation; its state and its results are those of its job."""

    __tablename__ = "generations"
    __table_args__ = (Index(None, "owner", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="local")
    modality: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), unique=True)
    style_id: Mapped[str] = mapped_column(String(40))  # kept when the style is deleted
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)  # None: kept
