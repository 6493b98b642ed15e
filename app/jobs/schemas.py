"""Jobs as JSON."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.errors import ErrorCode
from app.http.hrefs import Href
from app.jobs.job import Job, JobKind, JobState


class ResultImage(BaseModel):
    """A finished picture."""

    id: str
    url: Href = Field(description="Where its bytes are.")


class ResultFile(BaseModel):
    """One form of a result that is no picture."""

    id: str
    form: str = Field(description="The file's extension, such as `mid` or `musicxml`.")
    media_type: str
    size_bytes: int
    url: Href = Field(description="Where its bytes are.")


class JobResult(BaseModel):
    """What a succeeded job produced."""

    style_id: str | None
    images: list[ResultImage] = Field(
        description="What the job made, also what was deleted since: its bytes are then a 404."
    )
    files: list[ResultFile] = Field(
        description="Results that are no pictures, in all their forms, also those deleted since."
    )
    losses: dict[str, dict[str, float]] = Field(
        description="`total`, the loss on held-out photos as a share of the zero-step style's: 1 at the "
        "`start`, less at the `end`."
    )
    steps: int = Field(description="Inner steps that were taken.")
    seconds: float = Field(description="The worker's time for the job.")


class JobError(BaseModel):
    """Why a job did not succeed."""

    code: ErrorCode | str
    detail: str


class JobLinks(BaseModel):
    """Where to go from here."""

    self: Href
    events: Href
    cancel: Href
    retry: Href


JOB_EXAMPLE: JsonDict = {
    "id": "job_01JDXYZ0000000000000000000",
    "kind": "adapt",
    "modality": "image",
    "state": "running",
    "attempt": 1,
    "retry_of": None,
    "style_id": "sty_01JDXYZ0000000000000000000",
    "created_at": "2026-01-01T12:00:00Z",
    "started_at": "2026-01-01T12:00:01Z",
    "finished_at": None,
    "result": None,
    "error": None,
    "links": {
        "self": "/v1/jobs/job_01JDXYZ0000000000000000000",
        "events": "/v1/jobs/job_01JDXYZ0000000000000000000/events",
        "cancel": "/v1/jobs/job_01JDXYZ0000000000000000000/cancel",
        "retry": "/v1/jobs/job_01JDXYZ0000000000000000000/retry",
    },
}


class JobOut(BaseModel):
    """A job."""

    model_config = ConfigDict(json_schema_extra={"example": JOB_EXAMPLE})

    id: str
    kind: JobKind
    modality: str = Field(description="What is learned or made: `image`, `music`.")
    state: JobState
    attempt: int = Field(description="How often a worker has started it.")
    retry_of: str | None = Field(description="The job that this one tries again.")
    style_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: JobResult | None
    error: JobError | None
    links: JobLinks

    @classmethod
    def of(cls, job: Job) -> Self:
        """The record on the wire."""
        url = f"/v1/jobs/{job.id}"
        return cls(
            id=job.id,
            kind=job.kind,
            modality=job.modality,
            state=job.state,
            attempt=job.attempt,
            retry_of=job.retry_of,
            style_id=job.style_id,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            result=_result(job),
            error=JobError(**job.error) if job.error else None,
            links=JobLinks(self=url, events=f"{url}/events", cancel=f"{url}/cancel", retry=f"{url}/retry"),
        )


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    items: list[JobOut]
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")


def result_images(job: Job) -> list[ResultImage]:
    """The pictures that the job has produced, in the order of its contents."""
    ids = (job.result or {}).get("images", [])
    return [ResultImage(id=image_id, url=image_url(image_id)) for image_id in ids]


def image_url(image_id: str) -> str:
    """Where the bytes of an image are."""
    return f"/v1/images/{image_id}/content"


def file_url(file_id: str) -> str:
    """Where the bytes of a file are."""
    return f"/v1/files/{file_id}/content"


def _files(job: Job) -> Iterator[dict[str, Any]]:
    for piece in (job.result or {}).get("pieces", []):
        yield from piece["files"]


def _result(job: Job) -> JobResult | None:
    if job.result is None:
        return None
    return JobResult(
        style_id=job.result.get("style_id"),
        images=result_images(job),
        files=[ResultFile(**file, url=file_url(file["id"])) for file in _files(job)],
        losses=job.result.get("losses", {}),
        steps=job.result.get("steps", 0),
        seconds=job.result.get("seconds", 0.0),
    )
