"""``/v1/images``."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from app.audit.log import note
from app.auth.dependencies import Owner, Reader, Services
from app.http.exception_handlers import problem_responses
from app.http.pages import Paging
from app.http.path_ids import ImageId
from app.images.download import MEDIA_TYPES, image_response
from app.images.repository import delete_image, get_image, list_images
from app.images.schemas import ImageOut, ImagePage
from app.images.tables import ImageRole
from app.jobs.forgetting import clear
from app.jobs.schemas import image_url
from app.validators import STORABLE

router = APIRouter(prefix="/v1/images", tags=["images"], responses=problem_responses(404))


@router.get("", operation_id="listImages", summary="List images", responses=problem_responses(422))
async def read_images(
    services: Services,
    owner: Owner,
    page: Paging,
    role: Annotated[list[ImageRole] | None, Query(description="Only images in these roles.")] = None,
    job_id: Annotated[
        str | None, Query(max_length=64, description="Only images of this job."), STORABLE
    ] = None,
) -> ImagePage:
    """Newest first: uploads, as they were normalised, and results."""
    rows = await list_images(
        services.sessions, owner, limit=page.limit + 1, after=page.after, roles=role or (), job_id=job_id
    )
    items = [ImageOut.of(row, await services.links.sign(image_url(row.id))) for row in rows[: page.limit]]
    return ImagePage(items=items, next=items[-1].id if len(rows) > page.limit else None)


@router.get("/{image_id}", operation_id="getImage", summary="Describe an image")
async def read_image(image_id: ImageId, services: Services, owner: Owner) -> ImageOut:
    """Size, format, checksum, and where its bytes are."""
    row = await get_image(services.sessions, owner, image_id)
    return ImageOut.of(row, await services.links.sign(image_url(row.id)))


@router.delete(
    "/{image_id}",
    operation_id="deleteImage",
    summary="Delete an image",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(409),
)
async def remove_image(image_id: ImageId, request: Request, services: Services, owner: Owner) -> None:
    """The image and its bytes go at once; a stylization tells its result as `deleted` then. 409 while a job
    needs it."""
    await clear(await delete_image(services.sessions, owner, image_id), services.blobs, services.broker)
    await note(services.sessions, "image.deleted", owner, image_id, request=request)


@router.get(
    "/{image_id}/content",
    operation_id="downloadImage",
    summary="Download an image",
    response_class=Response,
    responses={
        200: {
            "description": "The bytes",
            "content": {kind: {} for kind in MEDIA_TYPES},
        },
        206: {"description": "The bytes of the `Range`"},
        304: {"description": "The client has it already (If-None-Match)"},
        **problem_responses(403, 416),
    },
    openapi_extra={"security": [{}]},  # besides the key: a signed link needs none
)
async def read_image_content(
    image_id: ImageId, request: Request, services: Services, owner: Reader
) -> Response:
    """The bytes, for their owner and for whoever has a signed link. They never change: cache them as long as
    you like."""
    row = await get_image(services.sessions, owner, image_id)
    return await image_response(request, row, services.blobs)
