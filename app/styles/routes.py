"""``/v1/styles``."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import StreamingResponse

from app.audit.log import note
from app.auth.dependencies import Owner
from app.http.body_limits import JsonRoute
from app.http.exception_handlers import problem_responses
from app.http.forms import form_body
from app.http.hrefs import href
from app.http.pages import Paging
from app.http.path_ids import StyleId
from app.jobs.job import Job
from app.jobs.schemas import JobOut
from app.medium import Media
from app.settings import Settings
from app.styles.dependencies import Services, StyleServices
from app.styles.export import export
from app.styles.relearning import submit_relearning
from app.styles.repository import StyleStatus, get_ready_style, get_style, get_usable_style, list_styles
from app.styles.schemas import (
    ImportOptions,
    StyleAccepted,
    StyleChanges,
    StyleOptions,
    StyleOut,
    StylePage,
)
from app.styles.service import (
    change_style,
    create_style,
    import_rules,
    import_style,
    remove_style,
    style_rules,
)
from app.styles.tables import PRESET_OWNER
from app.submission.job_response import CREATES, SUBMITS, accepted_responses, settle
from app.validators import STORABLE
from model.image.export.precision import EXPORT_VERSION, Precision


async def accepted(services: StyleServices, owner: str, job: Job) -> StyleAccepted:
    """The style that a job makes, and the job."""
    style = await get_style(services.sessions, owner, job.params["style_id"])
    return StyleAccepted(style=StyleOut.of(style), job=JobOut.of(job))


def build_router(settings: Settings, media: Media) -> APIRouter:
    """The routes; their documentation states the limits of ``settings``."""
    router = APIRouter(prefix="/v1/styles", tags=["styles"], route_class=JsonRoute)
    creation: dict[str, Any] = {**form_body(StyleOptions, style_rules(settings, media)), **SUBMITS}

    @router.post(
        "",
        operation_id="createStyle",
        summary="Learn a style from examples",
        status_code=status.HTTP_202_ACCEPTED,
        openapi_extra=creation,
        responses={
            **accepted_responses(StyleAccepted),
            **problem_responses(400, 409, 413, 415, 422, 429, 503, 507),
        },
    )
    async def post_style(
        request: Request, response: Response, services: Services, owner: Owner
    ) -> StyleAccepted:
        """Upload 1 to 16 pictures in one style, and optionally photos (`contents`) like those that it will
        be applied to; or 1 to 16 works of one composer (MIDI, MusicXML or MXL), or texts of one author or
        poet (UTF-8; prose also .docx or .epub). What they are, their bytes say. The style can be used once
        its job has succeeded."""
        job = await settle(
            request, response, services, await create_style(request, response, services, owner)
        )
        return await accepted(services, owner, job)

    @router.get(
        "",
        operation_id="listStyles",
        summary="List styles",
        responses=problem_responses(422),
    )
    async def read_styles(
        services: Services,
        owner: Owner,
        page: Paging,
        status: Annotated[list[StyleStatus] | None, Query(description="Only styles that are so.")] = None,
        name: Annotated[
            str | None,
            Query(min_length=1, max_length=200, description="A part of the name, in any case."),
            STORABLE,
        ] = None,
        modality: Annotated[
            str | None, Query(max_length=16, description="Only styles of `image` or `music`."), STORABLE
        ] = None,
        preset: Annotated[
            bool, Query(description="The styles that come with the service, instead of your own.")
        ] = False,
    ) -> StylePage:
        """Newest first."""
        records = await list_styles(
            services.sessions,
            PRESET_OWNER if preset else owner,
            limit=page.limit + 1,
            after=page.after,
            statuses=status or (),
            name=name,
            modality=modality,
        )
        items = [StyleOut.of(record) for record in records[: page.limit]]
        return StylePage(items=items, next=items[-1].id if len(records) > page.limit else None)

    @router.post(
        "/import",
        operation_id="importStyle",
        summary="Import a style file",
        status_code=status.HTTP_201_CREATED,
        openapi_extra={**form_body(ImportOptions, import_rules(settings)), **CREATES},
        responses=problem_responses(400, 409, 413, 415, 422, 503, 507),
    )
    async def post_style_import(
        request: Request, response: Response, services: Services, owner: Owner
    ) -> StyleOut:
        """Upload a file that `GET /v1/styles/{id}/file` gave. It must belong to the same base checkpoint."""
        style = StyleOut.of(await import_style(request, response, services, owner))
        response.headers["Location"] = href(f"/v1/styles/{style.id}")
        return style

    @router.get(
        "/{style_id}",
        operation_id="getStyle",
        summary="Read a style",
        responses=problem_responses(404),
    )
    async def read_style(style_id: StyleId, services: Services, owner: Owner) -> StyleOut:
        """Its status, and what its file says of itself."""
        return StyleOut.of(await get_style(services.sessions, owner, style_id))

    @router.patch(
        "/{style_id}",
        operation_id="updateStyle",
        summary="Rename a style",
        responses=problem_responses(404, 422),
    )
    async def patch_style(
        style_id: StyleId, changes: StyleChanges, services: Services, owner: Owner
    ) -> StyleOut:
        """What the body names is set, null removes, the rest stays."""
        return StyleOut.of(await change_style(services, owner, style_id, changes))

    @router.post(
        "/{style_id}/relearn",
        operation_id="relearnStyle",
        summary="Learn an outdated style again",
        status_code=status.HTTP_202_ACCEPTED,
        openapi_extra=SUBMITS,
        responses={
            **accepted_responses(StyleAccepted),
            **problem_responses(400, 404, 409, 422, 429, 503),
        },
    )
    async def post_relearning(
        request: Request, response: Response, style_id: StyleId, services: Services, owner: Owner
    ) -> StyleAccepted:
        """From the examples that it was learned from, with the base checkpoint that the service has now; it
        keeps its id and its name. 409 when it is not outdated, or its examples are not there any more."""
        job = await submit_relearning(request, response, services, owner, style_id)
        job = await settle(request, response, services, job)
        return await accepted(services, owner, job)

    @router.delete(
        "/{style_id}",
        operation_id="deleteStyle",
        summary="Delete a style",
        status_code=status.HTTP_204_NO_CONTENT,
        responses=problem_responses(404, 409),
    )
    async def delete_style(style_id: StyleId, request: Request, services: Services, owner: Owner) -> None:
        """The style, its file and its examples go; pictures made with it stay. The job that makes it is
        canceled. 409 while another job that waits or runs needs it."""
        await remove_style(services, owner, style_id)
        await note(services.sessions, "style.deleted", owner, style_id, request=request)

    @router.get(
        "/{style_id}/file",
        operation_id="downloadStyle",
        summary="Download a style",
        response_class=Response,
        responses={
            200: {"description": "The file (safetensors)", "content": {"application/octet-stream": {}}},
            **problem_responses(404, 409),
        },
    )
    async def read_style_file(style_id: StyleId, services: Services, owner: Owner) -> Response:
        """A safetensors file of about 150 kilobytes: keep it, share it, import it elsewhere."""
        row = await get_ready_style(services.sessions, owner, style_id)
        assert row.blob_key is not None
        return StreamingResponse(
            await services.blobs.stream(row.blob_key),
            media_type="application/octet-stream",
            headers={
                "Content-Length": str(row.size_bytes),
                "Content-Disposition": f'attachment; filename="{row.id}.safetensors"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    @router.get(
        "/{style_id}/onnx",
        operation_id="exportStyle",
        summary="Export a style as ONNX",
        response_class=Response,
        responses={
            200: {"description": "The file (ONNX)", "content": {"application/octet-stream": {}}},
            304: {"description": "The client has it already (If-None-Match)"},
            **problem_responses(404, 409, 422, 501, 503),
        },
    )
    async def read_style_onnx(
        request: Request,
        style_id: StyleId,
        services: Services,
        owner: Owner,
        precision: Annotated[
            Precision, Query(description="Of the weights: fp32 (3.7 MB), fp16 (1.8 MB) or int8 (0.9 MB).")
        ] = Precision.FP32,
    ) -> Response:
        """One file with network and style in it, for ONNX Runtime anywhere, also in a browser: `photo` to
        `picture`, float32, (batch, 3, height, width), RGB in 0..1, any height and width from 16. It renders
        as the service does at `strength` 1."""
        row = await get_usable_style(services.sessions, owner, style_id)
        assert row.blob_key is not None
        etag = f'"{row.id}-{str(row.base_hash)[:12]}-{precision.value}-{EXPORT_VERSION}"'
        headers = {
            "ETag": etag,
            "Cache-Control": "private, max-age=300",
            "Content-Disposition": f'attachment; filename="{row.id}.{precision.value}.onnx"',
            "X-Content-Type-Options": "nosniff",
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        style = await services.blobs.get(row.blob_key)
        file = await export(style, precision, services.settings.checkpoint, owner=owner)
        return Response(file, media_type="application/octet-stream", headers=headers)

    return router
