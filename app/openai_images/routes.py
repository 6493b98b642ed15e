"""``/v1/images/edits`` and ``/v1/models/{model}``, for OpenAI's clients."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from app.auth.authenticator import key_of
from app.auth.dependencies import Owner, StillAllowed
from app.errors import NotFoundError, StyleNotFoundError
from app.http.exception_handlers import problem_responses
from app.http.forms import URLENCODED, form_body
from app.http.openai_errors import OpenAIRoute
from app.http.path_ids import askable
from app.jobs.event_routes import EventStream
from app.jobs.schemas import image_url
from app.openai_images.models import openai_model
from app.openai_images.schemas import EditedImages, EditImage, EditOptions, OpenAIModel
from app.openai_images.service import create_edit, edit_rules
from app.openai_images.stream import base64_of, edit_events, picture_of
from app.settings import Settings
from app.submission.dependencies import Services
from app.submission.job_response import CREATES, kept_headers, require_success, settle

_Name = Annotated[
    str, Path(description="A style's id, or a preset's short name."), askable(StyleNotFoundError)
]


async def _until_answered() -> AsyncIterator[ExitStack]:
    """What is entered here is left when the answer has ended, also one that goes on."""
    with ExitStack() as stack:
        yield stack


def build_router(settings: Settings) -> APIRouter:
    """The routes; their documentation states the limits of ``settings``."""
    router = APIRouter(prefix="/v1", tags=["openai"], route_class=OpenAIRoute)
    body: dict[str, Any] = {**form_body(EditOptions, edit_rules(settings)), **CREATES}

    body["requestBody"]["content"].pop(URLENCODED)  # either field of files may be empty, but not both

    @router.post(
        "/images/edits",
        operation_id="editImage",
        summary="Edit an image, as OpenAI's clients ask for it",
        response_model=EditedImages,
        response_model_exclude_none=True,
        openapi_extra=body,
        responses={
            200: {
                "description": "The picture, or with `stream` its events",
                "content": {"text/event-stream": {}},
            },
            **problem_responses(400, 404, 429, 503, 504, 507),
        },
    )
    async def post_image_edit(
        request: Request,
        response: Response,
        services: Services,
        owner: Owner,
        allowed: StillAllowed,
        stack: Annotated[ExitStack, Depends(_until_answered)],
    ) -> EditedImages | Response:
        """The first `image[]` is the photo, the others are examples of a style, which is learned and put on
        the photo; or one image with a style as `model`. OpenAI's own clients call it with
        `base_url=".../v1"`: `client.images.edit(image=[photo, *examples], prompt="...")`.

        With `stream` the events are `image_edit.partial_image`, `image_edit.completed`, or `error`. Without,
        it waits as long as it may; then the answer is 504, and the job goes on: the same request with the
        same `Idempotency-Key` waits on."""

        def admit(options: EditOptions) -> None:
            if options.stream and not stack.enter_context(
                services.concurrency.take("stream", key_of(request))
            ):
                raise services.concurrency.refuse("event streams")

        job, options = await create_edit(request, response, services, owner, admit)
        if options.stream:
            return EventStream(edit_events(job, options, services, allowed))
        job = await settle(request, response, services, job, default_wait=services.settings.max_wait_seconds)
        require_success(job, kept_headers(response))
        row = await picture_of(job, services)
        if options.response_format == "url":
            link = await services.links.sign(image_url(row.id))
            image = EditImage(url=f"{str(request.base_url).rstrip('/')}{link.url}")
        else:
            image = EditImage(b64_json=await base64_of(row, services))
        return EditedImages(
            created=int(job.created_at.timestamp()),
            data=[image],
            output_format=options.output_format,
            quality=options.quality,
            size=f"{row.width}x{row.height}",
        )

    @router.api_route("/images/generations", methods=["GET", "POST"], include_in_schema=False)
    async def refuse_generation() -> None:
        """What OpenAI's clients call as `images.generate`."""
        raise NotFoundError(
            "Pictures are not made from words here, but from a photo and a style: call images.edit (POST "
            "/v1/images/edits) with a photo, and examples of a style or a style's name as `model` (GET "
            "/v1/models lists them)."
        )

    @router.get(
        "/models/{style_id}",
        operation_id="getModel",
        summary="Read a style, as OpenAI's clients read a model",
        responses=problem_responses(404),
    )
    async def read_model(style_id: _Name, services: Services, owner: Owner) -> OpenAIModel:
        """A style by its id, a preset also by its short name, such as `hokusai`."""
        return await openai_model(services.sessions, owner, style_id)

    return router
