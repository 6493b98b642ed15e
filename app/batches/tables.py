"""The tables of batches: the request, and what became of each photo so far."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime


class BatchRow(Base):
    """A batch; its state is that of its job. ``photos``: how many renderings it asks for."""

    __tablename__ = "batches"
    __table_args__ = (Index(None, "owner", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="local")
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), unique=True)
    style_id: Mapped[str] = mapped_column(String(40))  # kept when the style is deleted
    photos: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)  # None: kept


class BatchItemRow(Base):
    """One rendering that is over: its picture, or why there is none. Written with the picture's own row."""

    __tablename__ = "batch_items"

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)  # its line among the renderings, from 0
    owner: Mapped[str] = mapped_column(String(64), default="local", index=True)
    custom_id: Mapped[str] = mapped_column(String(200))
    photo: Mapped[str] = mapped_column(String(1000))  # its name in the ZIP
    image_id: Mapped[str | None] = mapped_column(String(40))
    code: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[str | None] = mapped_column(String(2000))
