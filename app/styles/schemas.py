"""Styles on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from app.jobs.model import JobState
from app.jobs.schemas import JobOut
from app.styles.repository import StyleRecord

MAX_SEED = 2**31 - 1


class StyleStatus(StrEnum):
    """Whether a style can be applied."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    CANCELED = "canceled"


class StyleOptions(BaseModel):
    """The fields of `POST /v1/styles` besides the files."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, min_length=1, max_length=200, description="A name for people.")
    steps: int | None = Field(
        None,
        ge=0,
        description="Inner steps; default: see `GET /v1/models`. 0: the zero-step style, without adaptation.",
    )
    seed: int = Field(0, ge=0, le=MAX_SEED, description="The same inputs and seed give the same style.")


class ImportOptions(BaseModel):
    """The fields of `POST /v1/styles/import` besides the file."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, min_length=1, max_length=200, description="A name for people.")


class StyleOut(BaseModel):
    """A style."""

    id: str
    name: str | None
    status: StyleStatus
    job_id: str | None = Field(description="The job that makes it; null when it was imported.")
    base_hash: str | None = Field(description="SHA-256 of the checkpoint that it belongs to.")
    size_bytes: int | None
    header: dict[str, Any] | None = Field(description="What its file says of itself: K, steps, losses, seed.")
    created_at: datetime
    ready_at: datetime | None
    file_url: str | None = Field(description="Where its file is, once it is ready.")

    @classmethod
    def of(cls, record: StyleRecord) -> Self:
        """The record on the wire."""
        row = record.row
        return cls(
            id=row.id,
            name=row.name,
            status=_status(record),
            job_id=row.job_id,
            base_hash=row.base_hash,
            size_bytes=row.size_bytes,
            header=row.header,
            created_at=row.created_at,
            ready_at=row.ready_at,
            file_url=f"/v1/styles/{row.id}/file" if row.blob_key else None,
        )


class StylePage(BaseModel):
    """A page of styles, newest first."""

    items: list[StyleOut]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")


class StyleAccepted(BaseModel):
    """A new style and the job that makes it."""

    style: StyleOut
    job: JobOut


def _status(record: StyleRecord) -> StyleStatus:
    if record.row.blob_key is not None:
        return StyleStatus.READY
    if record.job_state is JobState.CANCELED:
        return StyleStatus.CANCELED
    if record.job_state is not None and record.job_state.terminal:
        return StyleStatus.FAILED
    return StyleStatus.PENDING
