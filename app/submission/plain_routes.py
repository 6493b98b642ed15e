"""``POST /v1/images/plain``: a picture that a browser cannot show, as one that it can."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.auth.dependencies import Owner
from app.bounds import MIN_SIZE
from app.http.exception_handlers import problem_responses
from app.http.forms import FileRule, form_body, read_form
from app.images.upload import PLAIN_SIDE
from app.settings import Settings
from app.submission.dependencies import Services


class PlainOptions(BaseModel):
    """The fields of `POST /v1/images/plain` besides the file."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(
        PLAIN_SIDE, ge=MIN_SIZE, le=PLAIN_SIDE, description="Longer side in pixels, at most. Never enlarges."
    )


def plain_rules(settings: Settings) -> dict[str, FileRule]:
    """The files of `POST /v1/images/plain`."""
    return {"file": FileRule(1, 1, settings.max_upload_bytes, sample="photo.heic")}


def build_router(settings: Settings) -> APIRouter:
    """The route; its documentation states the limits of ``settings``."""
    router = APIRouter(prefix="/v1/images", tags=["images"])
    rules = plain_rules(settings)
    body: dict[str, Any] = form_body(PlainOptions, rules)

    @router.post(
        "/plain",
        operation_id="plainImage",
        summary="Convert a picture",
        response_class=Response,
        openapi_extra=body,
        responses={
            200: {
                "description": "The picture",
                "content": {kind: {} for kind in ("image/jpeg", "image/png", "image/webp")},
            },
            **problem_responses(400, 413, 415, 422, 429, 503),
        },
    )
    async def post_plain(request: Request, services: Services, owner: Owner) -> Response:
        """The picture as the service would keep it, for programs that cannot read its format (HEIC, mostly):
        upright, in sRGB, without metadata, scaled down to 2048 pixels or `size`. Nothing of it is kept."""
        async with (
            services.uploads.turn(owner),
            read_form(request, rules, max_bytes=settings.max_request_bytes) as form,
        ):
            size = form.options(PlainOptions).size
            gone = request.is_disconnected
            async with services.intake.plain(
                form.files["file"][0], owner, "`file`", size=size, gone=gone
            ) as (path, done):
                data = await asyncio.to_thread(path.read_bytes)
        return Response(data, media_type=done.media_type, headers={"Cache-Control": "no-store"})

    return router
