"""The table of the ledger."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime
from app.jobs.model import Job, JobKind, JobState


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
    state: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(default=0)
    releases: Mapped[int] = mapped_column(default=0)  # attempts given back at a graceful shutdown
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    origin: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))  # app.jobs.traces
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
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def to_job(self) -> Job:
        """The frozen record."""
        return Job(
            id=self.id,
            kind=JobKind(self.kind),
            state=JobState(self.state),
            attempt=self.attempt,
            params=self.params,
            origin=self.origin or {},
            result=self.result,
            error=self.error,
            style_id=self.style_id,
            owner=self.owner,
            lane=self.lane,
            ticket=self.ticket,
            generation=self.generation,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            worker_id=self.worker_id,
            retry_of=self.retry_of,
        )
