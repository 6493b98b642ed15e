"""The tables of webhooks and of their outbox, which is the delivery log too."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.db import Base, UTCDateTime
from app.jobs.job import JobState

MAX_URL = 2000  # characters


class WebhookEvent(StrEnum):
    """What a webhook can be told."""

    JOB_STARTED = "job.started"
    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELED = "job.canceled"
    JOB_EXPIRED = "job.expired"


EVENT_OF_STATE = {
    JobState.RUNNING: WebhookEvent.JOB_STARTED,
    JobState.SUCCEEDED: WebhookEvent.JOB_SUCCEEDED,
    JobState.FAILED: WebhookEvent.JOB_FAILED,
    JobState.CANCELED: WebhookEvent.JOB_CANCELED,
    JobState.EXPIRED: WebhookEvent.JOB_EXPIRED,
}


class DeliveryState(StrEnum):
    """Where a message stands."""

    PENDING = "pending"  # to be sent, or to be tried again
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


class WebhookRow(Base):
    """Where to send what. The secret signs, so it can be opened again; it is shown once."""

    __tablename__ = "webhooks"
    __table_args__ = (Index(None, "owner", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), default="local")
    url: Mapped[str] = mapped_column(String(MAX_URL))
    events: Mapped[list[str]] = mapped_column(JSON)
    description: Mapped[str | None] = mapped_column(String(200))
    secret: Mapped[str] = mapped_column(String(300))  # sealed (app.infra.secrets_at_rest)
    key_id: Mapped[str | None] = mapped_column(String(40))  # that made it; None: without a key, or before
    enabled: Mapped[bool] = mapped_column(default=True)
    disabled_reason: Mapped[str | None] = mapped_column(String(300))
    failures: Mapped[int] = mapped_column(default=0)  # attempts in a row that failed, over all messages
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class DeliveryRow(Base):
    """A message for a webhook. ``body`` never changes: every attempt sends the same bytes."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index(None, "state", "next_attempt_at"), Index(None, "webhook_id", "id"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)  # since it was written, or last asked for again
    next_attempt_at: Mapped[datetime] = mapped_column(UTCDateTime)  # of a claimed one: when the claim ends
    log: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # {"at", "status", "error", "milliseconds"}
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
