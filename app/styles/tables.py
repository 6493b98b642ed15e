"""The table of styles."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime
from model.modality import IMAGE

PRESET_OWNER = "*"
"""Owner of the presets, which everybody can use: no key can be made for this name."""


class StyleRow(Base):
    """A style. Appears with its job; has a file once the job has succeeded, or at once when imported."""

    __tablename__ = "styles"
    __table_args__ = (Index(None, "owner", "id"), Index(None, "owner", "size_bytes"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="local")
    modality: Mapped[str] = mapped_column(String(16), default=IMAGE, server_default=IMAGE)
    name: Mapped[str | None] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(String(2000))
    rights: Mapped[str | None] = mapped_column(String(500))  # whose the examples are
    licence: Mapped[str | None] = mapped_column(String(200))
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))  # None: imported, or a preset
    blob_key: Mapped[str | None] = mapped_column(String(200))  # None: not ready
    size_bytes: Mapped[int | None]
    base_hash: Mapped[str | None] = mapped_column(String(64))
    header: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # Of the examples of a style that was learned here, see app.provenance.copies.
    fingerprints: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    ready_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)  # None: kept
