"""``/v1/files``."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from app.audit.log import note
from app.auth.dependencies import Owner, Reader, Services
from app.files.download import stored_response
from app.files.repository import delete_file, get_file, list_files
from app.files.schemas import FileOut, FilePage, file_url
from app.files.tables import FileRole
from app.http.exception_handlers import problem_responses
from app.http.pages import Paging
from app.http.path_ids import FileId
from app.jobs.forgetting import clear
from app.validators import STORABLE

router = APIRouter(prefix="/v1/files", tags=["files"], responses=problem_responses(404))


@router.get("", operation_id="listFiles", summary="List files", responses=problem_responses(422))
async def read_files(
    services: Services,
    owner: Owner,
    page: Paging,
    role: Annotated[list[FileRole] | None, Query(description="Only files in these roles.")] = None,
    job_id: Annotated[
        str | None, Query(max_length=64, description="Only files of this job."), STORABLE
    ] = None,
) -> FilePage:
    """Newest first: uploads that are no pictures, as they were read, and results."""
    rows = await list_files(
        services.sessions, owner, limit=page.limit + 1, after=page.after, roles=role or (), job_id=job_id
    )
    items = [FileOut.of(row, await services.links.sign(file_url(row.id))) for row in rows[: page.limit]]
    return FilePage(items=items, next=items[-1].id if len(rows) > page.limit else None)


@router.get("/{file_id}", operation_id="getFile", summary="Describe a file")
async def read_file(file_id: FileId, services: Services, owner: Owner) -> FileOut:
    """Size, format, checksum, and where its bytes are."""
    row = await get_file(services.sessions, owner, file_id)
    return FileOut.of(row, await services.links.sign(file_url(row.id)))


@router.delete(
    "/{file_id}",
    operation_id="deleteFile",
    summary="Delete a file",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(409),
)
async def remove_file(file_id: FileId, request: Request, services: Services, owner: Owner) -> None:
    """The file and its bytes go at once. 409 while a job needs it."""
    await clear(await delete_file(services.sessions, owner, file_id), services.blobs, services.broker)
    await note(services.sessions, "file.deleted", owner, file_id, request=request)


@router.get(
    "/{file_id}/content",
    operation_id="downloadFile",
    summary="Download a file",
    response_class=Response,
    responses={
        200: {"description": "The bytes", "content": {"application/octet-stream": {}}},
        206: {"description": "The bytes of the `Range`"},
        304: {"description": "The client has it already (If-None-Match)"},
        **problem_responses(403, 416),
    },
    openapi_extra={"security": [{}]},  # besides the key: a signed link needs none
)
async def read_file_content(file_id: FileId, request: Request, services: Services, owner: Reader) -> Response:
    """The bytes, for their owner and for whoever has a signed link, with the media type that the file's JSON
    names. They never change: cache them as long as you like."""
    row = await get_file(services.sessions, owner, file_id)
    return await stored_response(request, row, row.form, services.blobs)
