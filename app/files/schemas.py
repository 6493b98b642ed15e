"""Files as JSON."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from app.auth.signed_urls import Link
from app.files.tables import FileRole, FileRow
from app.http.hrefs import Href
from app.jobs.schemas import file_url

__all__ = ["FileOut", "FilePage", "file_url"]


class FileOut(BaseModel):
    """A file that is no picture: an upload, as it was read, or a form of a result."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "fil_01JDXYZ0000000000000000002",
                "role": "result",
                "job_id": "job_01JDXYZ0000000000000000001",
                "position": 0,
                "form": "mid",
                "media_type": "audio/midi",
                "size_bytes": 2117,
                "sha256": "0a1b2c3d4e5f60710a1b2c3d4e5f60710a1b2c3d4e5f60710a1b2c3d4e5f6071",
                "created_at": "2026-01-01T12:01:00Z",
                "expires_at": None,
                "url": "/v1/files/fil_01JDXYZ0000000000000000002/content"
                "?expires=1767272700&signature=3f9a1c2b.kq0vYpQ4w2b8s7m1n6d5x3c9f0g1h2j3k4l5z6x7c8v",
                "url_expires_at": "2026-01-01T13:05:00Z",
            }
        }
    )

    id: str
    role: FileRole
    job_id: str
    position: int = Field(
        description="Among the uploads of its field, or of the result of which it is a form."
    )
    form: str = Field(description="Its extension, such as `mid` or `musicxml`.")
    media_type: str
    size_bytes: int
    sha256: str
    created_at: datetime
    expires_at: datetime | None = Field(description="When it is deleted; null: it is kept.")
    url: Href = Field(description="Where its bytes are: a signed link, good without a key until it expires.")
    url_expires_at: datetime

    @classmethod
    def of(cls, row: FileRow, link: Link) -> Self:
        """The row on the wire, with a signed link to its bytes."""
        return cls(
            id=row.id,
            role=FileRole(row.role),
            job_id=row.job_id,
            position=row.position,
            form=row.form,
            media_type=row.media_type,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            created_at=row.created_at,
            expires_at=row.expires_at,
            url=link.url,
            url_expires_at=link.expires_at,
        )


class FilePage(BaseModel):
    """A page of files, newest first."""

    items: list[FileOut]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")
