"""``/v1/stylizations`` and ``/v1/stylize``."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from app.audit.log import note
from app.auth.dependencies import Owner
from app.errors import StylizationNotReadyError
from app.http.content_negotiation import negotiate
from app.http.exception_handlers import problem_responses
from app.http.forms import form_body
from app.http.hrefs import href
from app.http.pages import Paging
from app.http.path_ids import StyleName, StylizationId
from app.images.download import image_response
from app.images.repository import get_image, get_results
from app.imaging.formats import OutputFormat
from app.jobs.forgetting import clear
from app.jobs.job import Job, JobState
from app.jobs.schemas import JobOut
from app.settings import Settings
from app.styles.repository import get_style
from app.styles.schemas import StyleOut
from app.stylizations.repository import (
    delete_stylization,
    get_stylization,
    get_stylization_of_job,
    list_stylizations,
)
from app.stylizations.schemas import (
    OneCallAccepted,
    OneCallOptions,
    StylizationAccepted,
    StylizationOptions,
    StylizationOut,
    StylizationPage,
)
from app.stylizations.serializers import present, present_all, stylization_out
from app.stylizations.service import (
    create_one_call,
    create_stylization,
    one_call_rules,
    stylization_rules,
)
from app.stylizations.tables import StylizationRow
from app.submission.dependencies import Services, SubmissionServices
from app.submission.job_response import (
    SUBMITS,
    accepted_responses,
    kept_headers,
    require_success,
    settle,
)
from app.submission.zip_stream import MANIFEST, Member, member_name, stream_zip
from app.validators import STORABLE

_ERRORS = problem_responses(400, 404, 409, 413, 415, 422, 429, 503, 507)


def build_router(settings: Settings) -> APIRouter:
    """The routes; their documentation states the limits of ``settings``."""
    router = APIRouter(prefix="/v1", tags=["stylizations"])
    stylization: dict[str, Any] = {
        **form_body(StylizationOptions, stylization_rules(settings)),
        **SUBMITS,
    }
    one_call: dict[str, Any] = {**form_body(OneCallOptions, one_call_rules(settings)), **SUBMITS}
    picture: dict[str, Any] = {
        "content": {kind: {} for kind in ("image/png", "image/jpeg", "image/webp")},
        "headers": {
            name: {"schema": {"type": "string"}} for name in ("X-Job-ID", "X-Style-ID", "X-Image-ID")
        },
    }

    @router.post(
        "/stylizations",
        operation_id="createStylization",
        summary="Apply a style to photos",
        status_code=status.HTTP_202_ACCEPTED,
        openapi_extra=stylization,
        responses={**accepted_responses(StylizationAccepted), **_ERRORS},
    )
    async def post_stylization(
        request: Request, response: Response, services: Services, owner: Owner
    ) -> StylizationAccepted:
        """Upload 1 to 16 `contents` and name a style that is ready, or several with weights to blend them:
        `-F style_id=sty_a -F weight=0.7 -F style_id=sty_b -F weight=0.3`. With a `mask` the style stays
        inside of it. A content that cannot be used is one failed item; the others are rendered."""
        job = await create_stylization(request, response, services, owner)
        job = await settle(request, response, services, job)
        row, job = await get_stylization_of_job(services.sessions, owner, job)
        shown = await present(services.sessions, row, job)
        return StylizationAccepted(stylization=shown, job=JobOut.of(job))

    @router.get(
        "/stylizations",
        operation_id="listStylizations",
        summary="List stylizations",
        responses=problem_responses(422),
    )
    async def read_stylizations(
        services: Services,
        owner: Owner,
        page: Paging,
        state: Annotated[list[JobState] | None, Query(description="Only those whose job is so.")] = None,
        style_id: Annotated[
            StyleName | None, Query(max_length=64, description="Only those of this style."), STORABLE
        ] = None,
    ) -> StylizationPage:
        """Newest first. A blend is listed under the style with the largest weight."""
        found = await list_stylizations(
            services.sessions,
            owner,
            limit=page.limit + 1,
            after=page.after,
            states=state or (),
            style_id=style_id,
        )
        items = await present_all(services.sessions, found[: page.limit])
        return StylizationPage(items=items, next=items[-1].id if len(found) > page.limit else None)

    @router.get(
        "/stylizations/{stylization_id}",
        operation_id="getStylization",
        summary="Read a stylization",
        responses=problem_responses(404),
    )
    async def read_stylization(
        stylization_id: StylizationId, services: Services, owner: Owner
    ) -> StylizationOut:
        """Its job, and what became of each content."""
        row, job = await get_stylization(services.sessions, owner, stylization_id)
        return await present(services.sessions, row, job)

    @router.get(
        "/stylizations/{stylization_id}/zip",
        operation_id="downloadStylization",
        summary="Download all results",
        response_class=Response,
        responses={
            200: {"description": "A ZIP archive", "content": {"application/zip": {}}},
            **problem_responses(404, 409),
        },
    )
    async def read_stylization_zip(
        stylization_id: StylizationId, services: Services, owner: Owner
    ) -> Response:
        """The pictures as `001-name.png`, in the order of the contents, and `manifest.json`, which is the
        stylization as JSON: which item became which picture, and why one did not."""
        row, job = await get_stylization(services.sessions, owner, stylization_id)
        return await zip_response(row, job, services)

    @router.delete(
        "/stylizations/{stylization_id}",
        operation_id="deleteStylization",
        summary="Delete a stylization",
        status_code=status.HTTP_204_NO_CONTENT,
        responses=problem_responses(404, 409),
    )
    async def remove_stylization(
        stylization_id: StylizationId, request: Request, services: Services, owner: Owner
    ) -> None:
        """Its contents, its mask and its results go; its style stays. 409 while its job waits or runs."""
        left = await delete_stylization(services.sessions, owner, stylization_id)
        await clear(left, services.blobs, services.broker)
        await note(services.sessions, "stylization.deleted", owner, stylization_id, request=request)

    @router.post(
        "/stylize",
        operation_id="stylize",
        summary="Examples and a photo in, the stylized photo out",
        status_code=status.HTTP_202_ACCEPTED,
        response_model=OneCallAccepted,
        openapi_extra=one_call,
        responses={
            **accepted_responses(OneCallAccepted, over=picture),
            **problem_responses(406, 504),
            **_ERRORS,
        },
    )
    async def post_stylize(
        request: Request, response: Response, services: Services, owner: Owner
    ) -> OneCallAccepted | Response:
        """Learns a style from `examples` and applies it to `content` in one job.

        With `Accept: image/*` the body of the answer is the picture:
        `curl -sS --fail-with-body -H 'Accept: image/png' -F examples=@a.jpg -F examples=@b.jpg
        -F content=@photo.jpg localhost:8000/v1/stylize -o out.png`. Then the call waits, as
        long as it may or for the N seconds of `Prefer: wait=N`; a picture that is not done by then is a
        problem (504, with the job, which goes on).
        """
        job = await create_one_call(request, response, services, owner)
        representation = negotiate(request.headers.get("accept"), OutputFormat(job.params["format"]))
        if representation.picture is not None:
            patience = services.settings.max_wait_seconds
            job = await settle(request, response, services, job, default_wait=patience)
            return await _picture(request, response, services, owner, job)
        job = await settle(request, response, services, job)
        row, job = await get_stylization_of_job(services.sessions, owner, job)
        style = await get_style(services.sessions, owner, row.style_id)
        shown = await present(services.sessions, row, job)
        return OneCallAccepted(style=StyleOut.of(style), stylization=shown, job=JobOut.of(job))

    return router


async def zip_response(row: StylizationRow, job: Job, services: SubmissionServices) -> Response:
    """The archive as it is made. Raises StylizationNotReadyError."""
    if job.state is not JobState.SUCCEEDED:
        raise StylizationNotReadyError(
            f"Stylization {row.id} has no pictures, its job {job.id} is {job.state}: "
            "wait for it to succeed, or retry it."
        )
    images = await get_results(services.sessions, job.id)
    shown = stylization_out(row, job, images)
    members = [
        Member(member_name(item.position, item.name, image.media_type.partition("/")[2]), image.blob_key)
        for item in shown.items
        if item.image is not None and (image := images[item.image.id])
    ]
    manifest = shown.model_dump_json(indent=2).encode()
    return StreamingResponse(
        stream_zip(members, {MANIFEST: manifest}, services.blobs, row.created_at),
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{row.id}.zip"',
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _picture(
    request: Request, response: Response, services: SubmissionServices, owner: str, job: Job
) -> Response:
    require_success(job, kept_headers(response))
    assert job.result is not None
    image = await get_image(services.sessions, owner, job.result["images"][0])
    headers = {
        "X-Job-ID": job.id,
        "X-Style-ID": str(job.style_id),
        "X-Image-ID": image.id,
        "Content-Location": href(f"/v1/images/{image.id}/content"),
        "Vary": "Accept, Prefer",
        **kept_headers(response),
    }
    return await image_response(request, image, services.blobs, headers=headers)
