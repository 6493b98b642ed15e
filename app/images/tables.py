"""The table of images: what was uploaded (normalised) and what was made."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime


class ImageRole(StrEnum):
    """What an image is to its job."""

    EXAMPLE = "example"
    CONTENT = "content"
    MASK = "mask"
    RESULT = "result"


class ImageRow(Base):
    """An image and where its bytes are. ``width`` and ``height`` in pixels, upright."""

    __tablename__ = "images"
    __table_args__ = (
        Index(None, "owner", "id"),
        Index(None, "owner", "size_bytes"),
        Index(None, "owner", "watermark"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="local")
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    position: Mapped[int]
    source_id: Mapped[str | None] = mapped_column(String(40))  # of a result: the content it was made from
    blob_key: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    provenance: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # of a result
    marks: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # of an upload, see Marks
    # Of a content that came with one: an archive of its own signed manifest.
    manifest: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    watermark: Mapped[int | None] = mapped_column(BigInteger)  # of a result that has one: its number in it
    share: Mapped[str | None] = mapped_column(String(40), index=True, unique=True)  # of a link to it
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)  # None: kept
