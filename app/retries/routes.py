"""``POST /v1/jobs/{job_id}/retry``."""

from fastapi import APIRouter, Request, Response, status

from app.auth.dependencies import Owner
from app.http.exception_handlers import problem_responses
from app.jobs.dependencies import OwnJob
from app.jobs.schemas import JobOut
from app.retries.retry import submit_retry
from app.submission.dependencies import Services
from app.submission.job_response import SUBMITS, accepted_responses, settle

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


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
