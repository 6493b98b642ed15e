"""Answer a POST that made a job: at once, or after waiting as the client prefers."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response, status

from app.auth.authenticator import key_of
from app.errors import JobCanceledError, JobFailedError, WaitTimeoutError
from app.http.content_negotiation import wait_seconds
from app.http.hrefs import href
from app.idempotency.keys import HEADER, REPLAYED
from app.jobs.job import Job, JobState
from app.jobs.repository import last_retry
from app.submission.dependencies import SubmissionServices

_IDEMPOTENCY_KEY = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "example": "7f3c9a52-5a0f-4d7e-9c1b-3f1f0c9f2a11",
    "description": "A random id of this request, kept for 24 hours: sent again with it, the request makes "
    "nothing again and is answered with what the first one made (`Idempotency-Replayed: true`).",
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "example": "wait=60",
    "description": "`wait=N`: answer when the job is over, or after N seconds (300 at most).",
}
CREATES = {"parameters": [_IDEMPOTENCY_KEY]}
"""Headers of a call that makes something at once."""
SUBMITS = {"parameters": [_IDEMPOTENCY_KEY, _PREFER]}
"""Headers of a call that makes a job."""

_HEADERS: dict[str, Any] = {
    "Location": {"description": "The job", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until a look is worth it", "schema": {"type": "integer"}},
    REPLAYED: {"description": "`true`: answered again, nothing was made", "schema": {"type": "string"}},
    "Preference-Applied": {"description": "The `wait` that was honoured", "schema": {"type": "string"}},
}


def accepted_responses(
    model: type[Any], *, over: dict[str, Any] | None = None
) -> dict[int | str, dict[str, Any]]:
    """200 (waited, the job is over) and 202 for the OpenAPI description."""
    return {
        200: {"model": model, "description": "The job is over (with `Prefer: wait`)", **(over or {})},
        202: {"model": model, "description": "The job is durable", "headers": _HEADERS},
    }


async def settle(
    request: Request,
    response: Response,
    services: SubmissionServices,
    job: Job,
    *,
    default_wait: int | None = None,
    follow: bool = True,
) -> Job:
    """Wait as `Prefer` says (``default_wait`` seconds when it says nothing).

    ``follow``: what the job was to make counts, so a retry of it stands in for it, also when it is retried
    while somebody waits. The job that is returned is then the last one.
    Sets status, Location, Retry-After and Preference-Applied on ``response``.
    """
    seconds = wait_seconds(request.headers.get("prefer"), services.settings.max_wait_seconds)
    if seconds is None:
        seconds = default_wait
    with services.concurrency.take("wait", key_of(request) if seconds else None) as place:
        if seconds is not None and place:
            response.headers["Preference-Applied"] = f"wait={seconds}"
            job = await _wait(request, services, job, seconds, follow)
        elif follow:  # also when a key has too many answers waiting: the job is made, and is told at once
            job = await last_retry(services.sessions, job)
    response.headers["Location"] = href(f"/v1/jobs/{job.id}")
    if job.state.terminal:
        response.status_code = status.HTTP_200_OK
    else:
        response.status_code = status.HTTP_202_ACCEPTED
        response.headers["Retry-After"] = "1"
    return job


def require_success(job: Job, headers: Mapping[str, str] | None = None) -> None:
    """Raise why a job that somebody waited for has no result: WaitTimeoutError (with ``headers``),
    JobCanceledError, JobFailedError."""
    if not job.state.terminal:
        raise WaitTimeoutError(
            f"The picture is not done yet: job {job.id} goes on; read /v1/jobs/{job.id}, or send the request "
            "again with the same Idempotency-Key to go on waiting.",
            headers=headers,
            job_id=job.id,
        )
    if job.state is JobState.CANCELED:
        raise JobCanceledError(f"Job {job.id} was canceled before it was done: send the request again.")
    if job.state is not JobState.SUCCEEDED or job.result is None:
        error = job.error or {}
        raise JobFailedError(
            error.get("detail", "The job failed: try it again."),
            job_id=job.id,
            job_code=error.get("code"),
        )


def kept_headers(response: Response) -> dict[str, str]:
    """What was set on the framework's response, for an answer of one's own."""
    names = ("Location", "Retry-After", "Preference-Applied", REPLAYED)
    return {name: response.headers[name] for name in names if name in response.headers}


async def _wait(
    request: Request, services: SubmissionServices, job: Job, seconds: float, follow: bool
) -> Job:
    async def gone() -> bool:
        return bool(services.closing) or await request.is_disconnected()

    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    job = await services.jobs.wait(job.id, seconds, gone=gone)
    while follow and (retry := await last_retry(services.sessions, job)) != job:
        job = await services.jobs.wait(retry.id, max(deadline - clock(), 0.0), gone=gone)
    return job
