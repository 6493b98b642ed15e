"""``/v1/stylizations`` and ``/v1/stylize``."""

from typing import Any

from fastapi import APIRouter, Request, Response, status

from app.api.accepted import PREFER, accepted_responses, settle
from app.api.container import Container
from app.api.deps import Owner, Services, StylizationId
from app.api.forms import form_body
from app.api.problems import problem_responses
from app.errors import JobCanceledError, JobFailedError
from app.images.content import image_response
from app.images.repository import get_image
from app.jobs.model import Job, JobState
from app.jobs.schemas import JobOut
from app.settings import Settings
from app.styles.repository import get_style
from app.styles.schemas import StyleOut
from app.stylizations.repository import get_stylization, stylization_out
from app.stylizations.schemas import (
    OneCallAccepted,
    OneCallOptions,
    StylizationAccepted,
    StylizationOptions,
    StylizationOut,
)
from app.stylizations.service import (
    create_one_call,
    create_stylization,
    one_call_rules,
    stylization_rules,
)

_ERRORS = problem_responses(400, 404, 409, 413, 415, 422, 429, 503)


def build_router(settings: Settings) -> APIRouter:
    """The routes; their documentation states the limits of ``settings``."""
    router = APIRouter(prefix="/v1", tags=["stylizations"])
    stylization: dict[str, Any] = {
        **form_body(StylizationOptions, stylization_rules(settings)),
        **PREFER,
    }
    one_call: dict[str, Any] = {**form_body(OneCallOptions, one_call_rules(settings)), **PREFER}
    picture: dict[str, Any] = {
        "content": {kind: {} for kind in ("image/png", "image/jpeg", "image/webp")},
        "headers": {
            name: {"schema": {"type": "string"}} for name in ("X-Job-ID", "X-Style-ID", "X-Image-ID")
        },
    }

    @router.post(
        "/stylizations",
        summary="Apply a style to photos",
        status_code=status.HTTP_202_ACCEPTED,
        openapi_extra=stylization,
        responses={**accepted_responses(StylizationAccepted), **_ERRORS},
    )
    async def post_stylization(
        request: Request, response: Response, services: Services, owner: Owner
    ) -> StylizationAccepted:
        """Upload 1 to 16 `contents` and name a style that is ready."""
        row, job = await create_stylization(request, services, owner)
        job = await settle(request, response, services, job)
        return StylizationAccepted(stylization=stylization_out(row, job), job=JobOut.of(job))

    @router.get(
        "/stylizations/{stylization_id}", summary="Read a stylization", responses=problem_responses(404)
    )
    async def read_stylization(
        stylization_id: StylizationId, services: Services, owner: Owner
    ) -> StylizationOut:
        """Its job, and its pictures once the job has succeeded."""
        return stylization_out(*await get_stylization(services.sessions, owner, stylization_id))

    @router.post(
        "/stylize",
        summary="Examples and a photo in, the stylized photo out",
        status_code=status.HTTP_202_ACCEPTED,
        response_model=OneCallAccepted,
        openapi_extra=one_call,
        responses={
            **accepted_responses(OneCallAccepted, over=picture),
            **problem_responses(406),
            **_ERRORS,
        },
    )
    async def post_stylize(
        request: Request, response: Response, services: Services, owner: Owner
    ) -> OneCallAccepted | Response:
        """Learns a style from `examples` and applies it to `content` in one job.

        With `Prefer: wait=N` and `Accept: image/*` the body of the answer is the picture:
        `curl -sf -H 'Prefer: wait=120' -H 'Accept: image/png' -F examples=@a.jpg -F examples=@b.jpg
        -F content=@photo.jpg localhost:8000/v1/stylize -o out.png`
        """
        call = await create_one_call(request, services, owner)
        job = await settle(request, response, services, call.job)
        if call.representation.picture is not None and job.state.terminal:
            return await _picture(request, response, services, owner, job)
        style = await get_style(services.sessions, owner, call.stylization.style_id)
        return OneCallAccepted(
            style=StyleOut.of(style),
            stylization=stylization_out(call.stylization, job),
            job=JobOut.of(job),
        )

    return router


async def _picture(
    request: Request, response: Response, services: Container, owner: str, job: Job
) -> Response:
    if job.state is JobState.CANCELED:
        raise JobCanceledError(f"Job {job.id} was canceled before it was done: send the request again.")
    if job.state is not JobState.SUCCEEDED or job.result is None:
        error = job.error or {}
        raise JobFailedError(
            error.get("detail", "The job failed: try it again."),
            job_id=job.id,
            job_code=error.get("code"),
        )
    image = await get_image(services.sessions, owner, job.result["images"][0])
    headers = {
        "X-Job-ID": job.id,
        "X-Style-ID": str(job.style_id),
        "X-Image-ID": image.id,
        "Content-Location": f"/v1/images/{image.id}/content",
        "Vary": "Accept, Prefer",
        **{name: response.headers[name] for name in ("Location", "Preference-Applied")},
    }
    return await image_response(request, image, services.blobs, headers=headers)
