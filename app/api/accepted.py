"""The common end of every POST that starts a job: answer at once, or wait as the client prefers."""

from typing import Any

from fastapi import Request, Response, status

from app.api.container import Container
from app.api.preferences import wait_seconds
from app.jobs.model import Job

PREFER = {
    "parameters": [
        {
            "name": "Prefer",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "example": "wait=60"},
            "description": "`wait=N`: answer when the job is over, or after N seconds (300 at most).",
        }
    ]
}

_HEADERS: dict[str, Any] = {
    "Location": {"description": "The job", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until a look is worth it", "schema": {"type": "integer"}},
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


async def settle(request: Request, response: Response, services: Container, job: Job) -> Job:
    """Wait as `Prefer` says; sets status, Location, Retry-After and Preference-Applied on ``response``."""
    seconds = wait_seconds(request.headers.get("prefer"), services.settings.max_wait_seconds)
    if seconds is not None:
        response.headers["Preference-Applied"] = f"wait={seconds}"
        job = await services.jobs.wait(job.id, seconds, gone=request.is_disconnected)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if job.state.terminal:
        response.status_code = status.HTTP_200_OK
    else:
        response.status_code = status.HTTP_202_ACCEPTED
        response.headers["Retry-After"] = "1"
    return job
