"""``/v1/images/{id}/share`` and ``/v1/shared/{token}``."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response, status
from pydantic import BaseModel, Field

from app.audit.log import note
from app.auth.dependencies import Owner, Services
from app.errors import ImageNotFoundError
from app.http.exception_handlers import problem_responses
from app.http.hrefs import Href
from app.http.path_ids import ImageId, askable
from app.jobs.schemas import image_url
from app.shares.repository import end_share, get_shared, share_image

router = APIRouter(prefix="/v1", tags=["images"], responses=problem_responses(404))

Token = Annotated[
    str, Path(description="The end of a share's link.", max_length=64), askable(ImageNotFoundError)
]


class Share(BaseModel):
    """A result that everybody who has the link may see."""

    image_id: str
    token: str = Field(description="What `GET /v1/shared/{token}` takes.")
    url: Href = Field(description="The studio's page that shows it, without the service's host.")


class SharedOut(BaseModel):
    """What a shared link shows, and nothing else of its owner."""

    styles: list[str] = Field(description="The names of the styles that it was made with.")
    preset_id: str | None = Field(description="The style, when it is one that comes with the service.")
    width: int
    height: int
    created_at: datetime
    expires_at: datetime | None = Field(description="When the result is deleted; null: it is kept.")
    image_url: Href = Field(description="The result's bytes: a signed link, good for about an hour.")
    original_url: Href | None = Field(description="The photo's; null when it was deleted.")


@router.put("/images/{image_id}/share", operation_id="shareImage", summary="Share a result")
async def put_share(image_id: ImageId, request: Request, services: Services, owner: Owner) -> Share:
    """A link to a page with the result, the photo and the name of the style, for everybody who has it,
    without a key. Asked for again, it is the same link."""
    token = await share_image(services.sessions, owner, image_id)
    await note(services.sessions, "image.shared", owner, image_id, request=request)
    return Share(image_id=image_id, token=token, url=f"/#/shared/{token}")


@router.delete(
    "/images/{image_id}/share",
    operation_id="endShare",
    summary="End a share",
    status_code=status.HTTP_204_NO_CONTENT,
)
async def delete_share(image_id: ImageId, request: Request, services: Services, owner: Owner) -> None:
    """The link shows nothing any more; addresses of pictures that it gave end within the hour."""
    await end_share(services.sessions, owner, image_id)
    await note(services.sessions, "image.share_ended", owner, image_id, request=request)


@router.get("/shared/{token}", operation_id="getShared", summary="Look at a shared result")
async def read_shared(token: Token, response: Response, services: Services) -> SharedOut:
    """For everybody who has the link: no key is asked for."""
    shared = await get_shared(services.sessions, token)
    response.headers["Cache-Control"] = "no-store"
    links = [await services.links.sign(image_url(row.id)) for row in (shared.image, shared.source) if row]
    return SharedOut(
        styles=list(shared.names),
        preset_id=shared.preset,
        width=shared.image.width,
        height=shared.image.height,
        created_at=shared.image.created_at,
        expires_at=shared.image.expires_at,
        image_url=links[0].url,
        original_url=links[1].url if len(links) > 1 else None,
    )
