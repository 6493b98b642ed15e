"""``/v1/jobs``."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from app.auth.dependencies import Owner
from app.http.exception_handlers import problem_responses
from app.http.pages import Paging
from app.http.path_ids import StyleName
from app.jobs.dependencies import OwnJob, Services
from app.jobs.job import JobKind, JobState
from app.jobs.repository import list_jobs
from app.jobs.schemas import JobOut, JobPage
from app.validators import STORABLE

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get("", operation_id="listJobs", summary="List jobs", responses=problem_responses(422))
async def read_jobs(
    services: Services,
    owner: Owner,
    page: Paging,
    state: Annotated[list[JobState] | None, Query(description="Only jobs in these states.")] = None,
    kind: Annotated[list[JobKind] | None, Query(description="Only jobs of these kinds.")] = None,
    style_id: Annotated[
        StyleName | None, Query(max_length=64, description="Only jobs of this style."), STORABLE
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
