"""Webhooks as JSON."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StrictBool, UrlConstraints

from app.validators import STORABLE
from app.webhooks.tables import MAX_URL, DeliveryRow, DeliveryState, WebhookEvent, WebhookRow

_OVER: list[WebhookEvent] = [event for event in WebhookEvent if event is not WebhookEvent.JOB_STARTED]

Url = Annotated[
    HttpUrl,
    UrlConstraints(max_length=MAX_URL - 1, allowed_schemes=["http", "https"]),  # an empty path becomes /
    Field(description="Where to POST the messages: an https address on the internet."),
]
Events = Annotated[
    list[WebhookEvent], Field(min_length=1, max_length=20, description="Which messages are wanted.")
]
Description = Annotated[str | None, Field(max_length=200, description="A note for people."), STORABLE]


class WebhookNew(BaseModel):
    """What `POST /v1/webhooks` takes."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"url": "https://example.com/fewstroke", "events": ["job.succeeded", "job.failed"]}
        },
    )

    url: Url
    events: Events = _OVER
    description: Description = None


class WebhookChange(BaseModel):
    """What `PATCH /v1/webhooks/{id}` takes; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"enabled": True}})

    url: Url | None = None
    events: Events | None = None
    description: Description = None
    enabled: StrictBool | None = Field(
        None, description="False: messages wait, and no new ones are written. True: starts afresh."
    )


class WebhookOut(BaseModel):
    """A webhook."""

    id: str
    url: str
    events: list[WebhookEvent]
    description: str | None
    enabled: bool
    disabled_reason: str | None = Field(description="Why the service disabled it.")
    failures: int = Field(description="Attempts in a row that failed.")
    created_at: datetime

    @classmethod
    def of(cls, row: WebhookRow, **more: Any) -> Self:
        """The row on the wire, without the secret."""
        return cls(
            id=row.id,
            url=row.url,
            events=[WebhookEvent(event) for event in row.events],
            description=row.description,
            enabled=row.enabled,
            disabled_reason=row.disabled_reason,
            failures=row.failures,
            created_at=row.created_at,
            **more,
        )


class WebhookCreated(WebhookOut):
    """A new webhook, with what it signs with."""

    secret: str = Field(
        description="Signs the messages (standard-webhooks, `whsec_…`). Shown this once: keep it."
    )


class WebhookPage(BaseModel):
    """A page of webhooks, newest first."""

    items: list[WebhookOut]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")


class AttemptOut(BaseModel):
    """An attempt to deliver a message."""

    at: datetime
    status: int | None = Field(description="HTTP status of the answer; null: there was none.")
    error: str | None
    milliseconds: int


class DeliveryOut(BaseModel):
    """A message and what became of it."""

    id: str = Field(description="The `webhook-id` header: the same in every attempt.")
    event: WebhookEvent
    job_id: str
    state: DeliveryState
    attempts: list[AttemptOut] = Field(description="Oldest first; the last 50.")
    next_attempt_at: datetime | None = Field(description="Null when there will be none.")
    created_at: datetime
    finished_at: datetime | None
    body: str = Field(description="What is sent, byte for byte.")

    @classmethod
    def of(cls, row: DeliveryRow) -> Self:
        """The row on the wire."""
        pending = row.state == DeliveryState.PENDING
        return cls(
            id=row.id,
            event=WebhookEvent(row.event),
            job_id=row.job_id,
            state=DeliveryState(row.state),
            attempts=[AttemptOut(**entry) for entry in row.log],
            next_attempt_at=row.next_attempt_at if pending else None,
            created_at=row.created_at,
            finished_at=row.finished_at,
            body=row.body,
        )


class DeliveryPage(BaseModel):
    """A page of messages, newest first."""

    items: list[DeliveryOut]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")
