"""``/v1/jobs``."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response, status
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.api.deps import JobId, Owner, Paging, Services, StillAllowed
from app.api.job_response import SUBMITS, accepted_responses, settle
from app.api.submission import submit_retry
from app.auth.authenticator import key_of
from app.errors import JobNotFoundError
from app.http.content_negotiation import whole_number
from app.http.exception_handlers import NoContent, problem_responses
from app.jobs.events import is_over, job_events
from app.jobs.job import Job, JobKind, JobState
from app.jobs.repository import list_jobs
from app.jobs.schemas import JobOut, JobPage
from app.validators import STORABLE

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


async def _job(job_id: JobId, services: Services, owner: Owner) -> Job:
    job = await services.ledger.get(job_id)
    if job.owner != owner:
        raise JobNotFoundError(f"There is no job {job_id}: check the id, or list jobs with GET /v1/jobs.")
    return job


OwnJob = Annotated[Job, Depends(_job)]


async def _place_to_stream(request: Request, services: Services, _owner: Owner) -> AsyncIterator[None]:
    """Held until the stream ends. Raises RateLimitedError."""
    with services.concurrency.take("stream", key_of(request)) as there_is_one:
        if not there_is_one:
            raise services.concurrency.refuse("event streams")
        yield


@router.get("", operation_id="listJobs", summary="List jobs", responses=problem_responses(422))
async def read_jobs(
    services: Services,
    owner: Owner,
    page: Paging,
    state: Annotated[list[JobState] | None, Query(description="Only jobs in these states.")] = None,
    kind: Annotated[list[JobKind] | None, Query(description="Only jobs of these kinds.")] = None,
    style_id: Annotated[
        str | None, Query(max_length=64, description="Only jobs of this style."), STORABLE
    ] = None,
) -> JobPage:
    """Newest first."""
    jobs = await list_jobs(
        services.sessions,
        owner,
        limit=page.limit + 1,
        after=page.after,
        states=state or (),
        kinds=kind or (),
        style_id=style_id,
    )
    more = len(jobs) > page.limit
    items = [JobOut.of(job) for job in jobs[: page.limit]]
    return JobPage(items=items, next=items[-1].id if more else None)


@router.get("/{job_id}", operation_id="getJob", summary="Read a job", responses=problem_responses(404))
async def read_job(job: OwnJob) -> JobOut:
    """Its state and, at the end, its result or its error. Polling this always works."""
    return JobOut.of(job)


@router.post(
    "/{job_id}/cancel",
    operation_id="cancelJob",
    summary="Cancel a job",
    responses={
        202: {"model": JobOut, "description": "The worker was asked to stop; the state is `canceling`"},
        **problem_responses(404, 409),
    },
)
async def cancel_job(job: OwnJob, services: Services, response: Response) -> JobOut:
    """A queued job is canceled at once; a running one stops between two steps. 409 when it is over."""
    canceled = await services.jobs.cancel(job.id)
    if not canceled.state.terminal:
        response.status_code = status.HTTP_202_ACCEPTED
    return JobOut.of(canceled)


@router.post(
    "/{job_id}/retry",
    operation_id="retryJob",
    summary="Try a job again",
    status_code=status.HTTP_202_ACCEPTED,
    openapi_extra=SUBMITS,
    responses={**accepted_responses(JobOut), **problem_responses(400, 404, 409, 422, 429)},
)
async def retry_job(
    job: OwnJob, request: Request, response: Response, services: Services, owner: Owner
) -> JobOut:
    """A new job with the same inputs, for one that failed, expired or was canceled; the style or the
    stylization waits for the new one from then on. A job can be retried once: then retry the retry."""
    retried = await submit_retry(request, response, services, owner, job)
    return JobOut.of(await settle(request, response, services, retried, follow=False))


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
    response_class=EventSourceResponse,
    responses={
        204: {"description": "The job is over, and its last event is the one that `Last-Event-ID` names"},
        **problem_responses(404, 429, 503),
    },
)
async def read_job_events(
    job: OwnJob,
    services: Services,
    allowed: StillAllowed,
    after: Annotated[int, Depends(_more_to_read)],
    _place: Annotated[None, Depends(_place_to_stream)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `state` (`{"state"}`), `progress` (`{"step", "steps", "losses", "phase"}`) and
    `preview` (`{"step", "media_type", "base64"}`). The last event is a terminal `state`; who comes back after
    it gets 204, at which an `EventSource` stops.

    Events are kept for an hour. `Last-Event-ID` goes on after that event; when what followed it is gone, with
    the oldest that is left; when it is none of ours, from the start."""
    events = job_events(job, after, services.ledger, services.broker, services.closing.wait, allowed)
    async for event in events:
        yield event
