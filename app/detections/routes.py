"""``POST /v1/detections``."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from app.auth.dependencies import Owner
from app.detections.schemas import DetectionOut
from app.http.exception_handlers import problem_responses
from app.http.forms import FileRule, form_body, read_form
from app.images.repository import get_watermarked
from app.provenance.watermark.service import own_number
from app.settings import Settings
from app.submission.dependencies import Services


class _NoOptions(BaseModel):
    """There is nothing to choose."""

    model_config = ConfigDict(extra="forbid")


def build_router(settings: Settings) -> APIRouter:
    """The route; its documentation states the limits of ``settings``."""
    router = APIRouter(prefix="/v1", tags=["images"])
    rules = {"file": FileRule(1, 1, settings.max_upload_bytes, sample="found.jpg")}
    body: dict[str, Any] = form_body(_NoOptions, rules)

    @router.post(
        "/detections",
        operation_id="detect",
        summary="Where does a picture come from?",
        openapi_extra=body,
        responses=problem_responses(400, 413, 415, 422, 429, 503),
    )
    async def post_detection(
        request: Request, response: Response, services: Services, owner: Owner
    ) -> DetectionOut:
        """What a picture tells of its origin: its invisible watermark, its signed manifest, its XMP. Nothing
        of it is kept."""
        response.headers["Cache-Control"] = "no-store"
        async with (
            services.uploads.turn(owner),
            read_form(request, rules, max_bytes=settings.max_request_bytes) as form,
        ):
            form.options(_NoOptions)
            gone = request.is_disconnected
            file = form.files["file"][0]
            async with services.intake.plain(file, owner, "`file`", gone=gone, detect=True) as (_, seen):
                pass
        own = await own_number(services.sessions)
        result_id = None
        if seen.watermark is not None and seen.watermark["payload"]["service"] == own:
            number = seen.watermark["payload"]["result"]
            result_id = await get_watermarked(services.sessions, owner, number)
        return DetectionOut.of(seen, own, result_id)

    return router
