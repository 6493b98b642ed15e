"""The events of an image edit, as OpenAI's clients read them, made of the events of its job."""

import base64
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel

from app.errors import AppError, ServiceUnavailableError
from app.http.openai_errors import openai_error
from app.images.repository import get_image
from app.images.tables import ImageRow
from app.infra.broker import Event
from app.jobs.events import followed
from app.jobs.job import Job
from app.openai_images.schemas import CompletedImage, EditOptions, PartialImage
from app.submission.dependencies import SubmissionServices
from app.submission.job_response import require_success


class PartialImages:
    """Chooses the previews that become partial images, spread over the steps: ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._shown = 0
        self._steps = 0  # of the job; 0: not known yet, as before the first one

    def take(self, event: Event) -> tuple[int, str] | None:
        """The index of a partial image and its JPEG (base64); None for an event that is none."""
        if event.event == "progress" and event.data.get("phase") == "adapt":
            self._steps = event.data["steps"]
        if event.event != "preview" or self._shown == self._most:
            return None
        # The first preview there is, and then one in each further part of the steps.
        if event.data["step"] * self._most < self._shown * max(1, self._steps):
            return None
        self._shown += 1
        return self._shown - 1, event.data["base64"]


async def edit_events(
    job: Job, options: EditOptions, services: SubmissionServices, allowed: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[bytes, None]:
    """Partial images as they come, then the picture, or an event ``error``; each in the form of the wire."""
    partials = PartialImages(options.partial_images)
    created = int(job.created_at.timestamp())
    events = followed(job, 0, services.ledger, services.broker, services.closing.wait, allowed)
    ended = False
    async with aclosing(events) as batches:
        async for batch in batches:
            if not batch:
                yield KEEPALIVE_COMMENT
            for event in batch:
                ended = ended or event.terminal
                if (partial := partials.take(event)) is not None:
                    index, picture = partial
                    yield _on_the_wire(
                        PartialImage(
                            b64_json=picture,
                            partial_image_index=index,
                            created_at=created,
                            quality=options.quality,
                            size=options.size,
                        )
                    )
    try:
        if not ended:
            raise ServiceUnavailableError(
                f"The stream ended early: job {job.id} goes on; read /v1/jobs/{job.id}."
            )
        row = await picture_of(await services.ledger.get(job.id), services)
        data = await base64_of(row, services)
    except AppError as error:
        yield format_sse_event(event="error", data_str=_error(error))
        return
    yield _on_the_wire(
        CompletedImage(
            b64_json=data,
            created_at=created,
            output_format=options.output_format,
            quality=options.quality,
            size=f"{row.width}x{row.height}",
        )
    )


async def picture_of(job: Job, services: SubmissionServices) -> ImageRow:
    """The picture that a job has made. Raises what ``require_success`` does, and ImageNotFoundError."""
    require_success(job)
    assert job.result is not None
    return await get_image(services.sessions, job.owner, job.result["images"][0])


async def base64_of(row: ImageRow, services: SubmissionServices) -> str:
    """Its bytes. Raises BlobMissingError."""
    return base64.b64encode(await services.blobs.get(row.blob_key)).decode("ascii")


def _on_the_wire(event: BaseModel) -> bytes:
    body: dict[str, Any] = event.model_dump()
    return format_sse_event(event=body["type"], data_str=event.model_dump_json())


def _error(error: AppError) -> str:
    problem = {"status": error.status, "detail": error.detail, "code": error.code}
    return _Failure(error=openai_error(problem)).model_dump_json()


class _Failure(BaseModel):
    error: dict[str, Any]
