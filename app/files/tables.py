"""The table of files that are no pictures: what was uploaded (as the decoder wrote it), and what was made."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime


class FileRole(StrEnum):
    """What a file is to its job."""

    EXAMPLE = "example"
    INPUT = "input"
    RESULT = "result"


class FileRow(Base):
    """A file and where its bytes are. ``position``: among the examples, or of the result that it belongs to;
    ``form``: the file's extension, such as "mid"."""

    __tablename__ = "files"
    __table_args__ = (Index(None, "owner", "id"), Index(None, "owner", "size_bytes"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="local")
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    position: Mapped[int]
    form: Mapped[str] = mapped_column(String(32))
    blob_key: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(80))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)  # None: kept
