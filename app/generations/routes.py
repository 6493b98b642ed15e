"""The routes of generations, made for each medium that has a resource: ``/v1/compositions``."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response, status
from fastapi.responses import StreamingResponse
from pydantic import Field, create_model

from app.audit.log import note
from app.auth.dependencies import Owner
from app.errors import GenerationNotFoundError, GenerationNotReadyError
from app.files.repository import get_result_files
from app.generations.repository import (
    delete_generation,
    get_generation,
    get_generation_of_job,
    list_generations,
)
from app.generations.serializers import generation_out, present, present_all
from app.generations.service import create_generation, generation_rules
from app.http.exception_handlers import problem_responses
from app.http.forms import form_body
from app.http.pages import Paging
from app.http.path_ids import StyleName, askable
from app.jobs.forgetting import clear
from app.jobs.job import JobState
from app.jobs.schemas import JobOut
from app.medium import Medium
from app.settings import Settings
from app.submission.dependencies import Services
from app.submission.job_response import SUBMITS, accepted_responses, settle
from app.submission.zip_stream import MANIFEST, Member, stream_zip
from app.validators import STORABLE

_ERRORS = problem_responses(400, 404, 409, 413, 415, 422, 429, 503, 507)


def build_router(settings: Settings, medium: Medium) -> APIRouter:
    """The routes of a medium's results; their documentation states the limits of ``settings``."""
    resource = medium.resource
    assert resource is not None
    noun, name, key = resource.noun, resource.noun.capitalize(), f"{resource.noun}_id"
    item, plural = resource.out, resource.path.capitalize()
    router = APIRouter(prefix=f"/v1/{resource.path}", tags=[resource.path])
    creation: dict[str, Any] = {
        **form_body(resource.options, generation_rules(resource, settings)),
        **SUBMITS,
    }
    page: Any = create_model(
        f"{name}Page",
        __doc__=f"A page of {resource.path}, newest first.",
        items=(list[item], ...),  # type: ignore[valid-type]
        next=(
            str | None,
            Field(description="Pass it as `after` for the next page; null on the last one."),
        ),
    )
    parts: dict[str, Any] = {noun: (item, ...), "job": (JobOut, ...)}
    created: Any = create_model(f"{name}Accepted", __doc__=f"A new {noun} and its job.", **parts)
    Id = Annotated[
        str,
        Path(alias=key, description=f"A {noun}'s id (`{resource.prefix}_…`).", max_length=64),
        askable(GenerationNotFoundError),
    ]

    @router.post(
        "",
        operation_id=f"create{name}",
        summary=f"Make {resource.path} in a style",
        status_code=status.HTTP_202_ACCEPTED,
        openapi_extra=creation,
        description=resource.about,
        response_model=created,
        responses={**accepted_responses(created), **_ERRORS},
    )
    async def post_generation(request: Request, response: Response, services: Services, owner: Owner) -> Any:
        job = await create_generation(request, response, services, owner, medium)
        job = await settle(request, response, services, job)
        row, job = await get_generation_of_job(services.sessions, owner, resource, job)
        shown = await present(services.sessions, resource, row, job)
        return {noun: shown, "job": JobOut.of(job)}

    @router.get(
        "",
        operation_id=f"list{plural}",
        summary=f"List {resource.path}",
        response_model=page,
        responses=problem_responses(422),
    )
    async def read_generations(
        services: Services,
        owner: Owner,
        paging: Paging,
        state: Annotated[list[JobState] | None, Query(description="Only those whose job is so.")] = None,
        style_id: Annotated[
            StyleName | None, Query(max_length=64, description="Only those of this style."), STORABLE
        ] = None,
    ) -> Any:
        """Newest first. A blend is listed under the style with the largest weight."""
        found = await list_generations(
            services.sessions,
            owner,
            medium.name,
            limit=paging.limit + 1,
            after=paging.after,
            states=state or (),
            style_id=style_id,
        )
        items = await present_all(services.sessions, resource, found[: paging.limit])
        return {"items": items, "next": items[-1].id if len(found) > paging.limit else None}

    @router.get(
        f"/{{{key}}}",
        operation_id=f"get{name}",
        summary=f"Read a {noun}",
        response_model=item,
        responses=problem_responses(404),
    )
    async def read_generation(generation_id: Id, services: Services, owner: Owner) -> Any:
        """Its job, and its results with their files."""
        row, job = await get_generation(services.sessions, owner, medium.name, resource, generation_id)
        return await present(services.sessions, resource, row, job)

    @router.get(
        f"/{{{key}}}/zip",
        operation_id=f"download{name}",
        summary="Download all results",
        response_class=Response,
        responses={
            200: {"description": "A ZIP archive", "content": {"application/zip": {}}},
            **problem_responses(404, 409),
        },
    )
    async def read_zip(generation_id: Id, services: Services, owner: Owner) -> Response:
        """Every file of every result, and `manifest.json`, which is this resource as JSON."""
        row, job = await get_generation(services.sessions, owner, medium.name, resource, generation_id)
        if job.state is not JobState.SUCCEEDED:
            raise GenerationNotReadyError(
                f"{name} {row.id} has no files, its job {job.id} is {job.state}: wait for it to succeed, or "
                "retry it."
            )
        files = await get_result_files(services.sessions, job.id)
        members = [
            Member(f"{file.position + 1:03d}.{file.form}", file.blob_key)
            for file in sorted(files.values(), key=lambda file: (file.position, file.form))
        ]
        manifest = generation_out(resource, row, job, files).model_dump_json(indent=2).encode()
        return StreamingResponse(
            stream_zip(members, {MANIFEST: manifest}, services.blobs, row.created_at),
            media_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="{row.id}.zip"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    @router.delete(
        f"/{{{key}}}",
        operation_id=f"delete{name}",
        summary=f"Delete a {noun}",
        status_code=status.HTTP_204_NO_CONTENT,
        responses=problem_responses(404, 409),
    )
    async def remove_generation(
        generation_id: Id, request: Request, services: Services, owner: Owner
    ) -> None:
        """Its inputs and its results go; its style stays. 409 while its job waits or runs."""
        left = await delete_generation(services.sessions, owner, medium.name, resource, generation_id)
        await clear(left, services.blobs, services.broker)
        await note(services.sessions, f"{noun}.deleted", owner, generation_id, request=request)

    return router
