"""``/v1/images``."""

from fastapi import APIRouter, Request, Response

from app.api.deps import ImageId, Owner, Services
from app.api.problems import problem_responses
from app.images.content import image_response
from app.images.repository import get_image
from app.images.schemas import ImageOut

router = APIRouter(prefix="/v1/images", tags=["images"], responses=problem_responses(404))


@router.get("/{image_id}", summary="Describe an image")
async def read_image(image_id: ImageId, services: Services, owner: Owner) -> ImageOut:
    """Size, format, checksum, and where its bytes are."""
    return ImageOut.of(await get_image(services.sessions, owner, image_id))


@router.get(
    "/{image_id}/content",
    summary="Download an image",
    response_class=Response,
    responses={
        200: {
            "description": "The bytes",
            "content": {kind: {} for kind in ("image/png", "image/jpeg", "image/webp")},
        },
        304: {"description": "The client has it already (If-None-Match)"},
    },
)
async def read_image_content(
    image_id: ImageId, request: Request, services: Services, owner: Owner
) -> Response:
    """The bytes. They never change: cache them as long as you like."""
    row = await get_image(services.sessions, owner, image_id)
    return await image_response(request, row, services.blobs)
