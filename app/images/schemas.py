"""Images on the wire."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from app.images.tables import ImageRole, ImageRow


class ImageOut(BaseModel):
    """An image: an upload as it was normalised, or a result."""

    id: str
    role: ImageRole
    job_id: str
    source_id: str | None = Field(description="Of a result: the content that it was made from.")
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str
    created_at: datetime
    url: str = Field(description="Where its bytes are.")

    @classmethod
    def of(cls, row: ImageRow) -> Self:
        """The row on the wire."""
        return cls(
            id=row.id,
            role=ImageRole(row.role),
            job_id=row.job_id,
            source_id=row.source_id,
            media_type=row.media_type,
            width=row.width,
            height=row.height,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            created_at=row.created_at,
            url=f"/v1/images/{row.id}/content",
        )
