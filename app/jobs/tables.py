"""The table of jobs."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime
from app.jobs.job import Job, JobKind, JobState
from model.modality import IMAGE


class JobRow(Base):
    """A job. Written by :mod:`app.jobs.ledger` only."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "state", "published_at"),
        Index(None, "owner", "id"),
        Index(None, "state", "lane", "owner", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="local")
    kind: Mapped[str] = mapped_column(String(16))
    modality: Mapped[str] = mapped_column(String(16), default=IMAGE, server_default=IMAGE)
    state: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(default=0)
    releases: Mapped[int] = mapped_column(default=0)  # attempts given back at a graceful shutdown
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    origin: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))  # app.jobs.tracing
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    style_id: Mapped[str | None] = mapped_column(String(40), index=True)
    worker_id: Mapped[str | None] = mapped_column(String(64))
    lane: Mapped[str] = mapped_column(String(16))  # app.jobs.lanes
    ticket: Mapped[str] = mapped_column(String(60), index=True)  # the queue's message that stands for it
    generation: Mapped[int] = mapped_column(default=0)
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    queue_epoch: Mapped[datetime | None] = mapped_column(UTCDateTime)  # which storage of the queue has it
    retry_of: Mapped[str | None] = mapped_column(String(40), index=True, unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    cancel_asked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # of one that runs
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def to_job(self) -> Job:
        """The frozen record."""
        return job_of(self)


BY_ID = select(JobRow.__table__).where(JobRow.id == bindparam("id"))
"""A job's row: polling reads it, so it is no object of the ORM, and made once."""


def job_of(row: Any) -> Job:
    """The frozen record of a ``JobRow``, or of a row of its table."""
    return Job(
        id=row.id,
        kind=JobKind(row.kind),
        modality=row.modality,
        state=JobState(row.state),
        attempt=row.attempt,
        releases=row.releases,
        params=row.params,
        origin=row.origin or {},
        result=row.result,
        error=row.error,
        style_id=row.style_id,
        owner=row.owner,
        lane=row.lane,
        ticket=row.ticket,
        generation=row.generation,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        worker_id=row.worker_id,
        retry_of=row.retry_of,
    )
