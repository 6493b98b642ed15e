"""``/v1/jobs/{job_id}/events``: the stream of a job's events."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.auth.authenticator import key_of
from app.auth.dependencies import Owner, StillAllowed
from app.http.content_negotiation import whole_number
from app.http.exception_handlers import NoContent, problem_responses
from app.jobs.dependencies import OwnJob, Services
from app.jobs.events import is_over, job_events

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class EventStream(StreamingResponse):
    """Events that are in the form of the wire already."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None], status_code: int = 200) -> None:
        # nginx, and others after it, would keep events back
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, status_code, headers)
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events):  # also when the reader leaves while nothing is awaited there
            await super().__call__(scope, receive, send)


async def _place_to_stream(request: Request, services: Services, _owner: Owner) -> AsyncIterator[None]:
    """Held until the stream ends. Raises RateLimitedError."""
    with services.concurrency.take("stream", key_of(request)) as there_is_one:
        if not there_is_one:
            raise services.concurrency.refuse("event streams")
        yield


async def _more_to_read(
    job: OwnJob,
    services: Services,
    last_event_id: Annotated[
        str | None, Header(description="Resume after this event; browsers send it by themselves.")
    ] = None,
) -> int:
    """The sequence number to read on after. Raises NoContent."""
    if await is_over(job, last_event_id, services.broker):
        raise NoContent
    return whole_number(last_event_id) or 0


@router.get(
    "/{job_id}/events",
    operation_id="streamJobEvents",
    summary="Follow a job",
    response_class=EventStream,
    responses={
        204: {"description": "The job is over, and its last event is the one that `Last-Event-ID` names"},
        **problem_responses(404, 429, 503),
    },
)
async def read_job_events(
    _place: Annotated[None, Depends(_place_to_stream)],  # before anything is looked up
    job: OwnJob,
    services: Services,
    allowed: StillAllowed,
    after: Annotated[int, Depends(_more_to_read)],
) -> EventStream:
    """Server-sent events: `state` (`{"state"}`), `progress` (`{"step", "steps", "losses", "phase"}`),
    `preview` (`{"step", "media_type", "base64"}`) and `text` (`{"position", "begin", "text"}`: from its
    character `begin` on, the result at `position` now reads `text`). The last event is a terminal `state`;
    who comes back after it gets 204, at which an `EventSource` stops.

    Events are kept for an hour. `Last-Event-ID` goes on after that event; when what followed it is gone, with
    the oldest that is left; when it is none of ours, from the start."""
    return EventStream(
        job_events(job, after, services.ledger, services.broker, services.closing.wait, allowed)
    )
