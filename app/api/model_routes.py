"""``GET /v1/models``: the checkpoint, the modalities, and the styles as OpenAI's clients list models."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from app.api.services import Container
from app.auth.dependencies import Owner, services_of
from app.errors import ServiceUnavailableError
from app.http.exception_handlers import problem_responses
from app.http.hrefs import Href
from app.http.openai_errors import OpenAIRoute
from app.imaging.readable import readable
from app.imaging.sniff import InputFormat
from app.medium import Medium
from app.openai_images.models import openai_models
from app.openai_images.schemas import OpenAIModel
from app.styles.checkpoint import medium_base
from model.image.dials import DEFAULT_ABSTRACTION, LEAST_STROKE_SIZE, MOST_STRENGTH, MOST_STROKE_SIZE

router = APIRouter(route_class=OpenAIRoute)

Services = Annotated[Container, Depends(services_of(Container))]


class ModelOut(BaseModel):
    """The base checkpoint that adaptations start from."""

    base_hash: str = Field(description="SHA-256 of the checkpoint file; styles belong to one base.")
    default_steps: int | None = Field(
        description="Inner steps when a request names none, as the workers report; null without a worker."
    )
    max_steps: int
    max_examples: int
    max_strength: float
    default_abstraction: float
    min_stroke_size: float
    max_stroke_size: float
    max_size: int = Field(description="Longest side of a result in pixels.")
    max_clip_frames: int = Field(description="Of a moving content; 0: contents must not move.")
    max_clip_seconds: float
    max_archive_bytes: int = Field(description="Of the ZIP of a batch.")
    max_archive_photos: int = Field(description="Photos of a batch.")
    input_formats: list[InputFormat] = Field(description="What pictures may come as.")


class ModalityOut(BaseModel):
    """What styles can be learned of."""

    name: str = Field(description="As in the `modality` of styles and jobs.")
    examples: str = Field(description="The formats of examples, in words.")
    base_hash: str | None = Field(description="SHA-256 of its checkpoint; null: there is none here.")
    resource: Href = Field(description="Where its results are asked for, such as `/v1/compositions`.")


class ModelPage(BaseModel):
    """All models that the service runs, and what OpenAI's clients take for models."""

    object: Literal["list"] = "list"
    data: list[OpenAIModel] = Field(description="What `POST /v1/images/edits` takes as `model`: styles.")
    items: list[ModelOut]
    modalities: list[ModalityOut]


@router.get(
    "/v1/models",
    operation_id="listModels",
    tags=["service"],
    summary="List models",
    responses=problem_responses(503),
)
async def read_models(services: Services, owner: Owner) -> ModelPage:
    """The base checkpoint that adaptations of pictures start from, and what else styles are learned of.
    `data` are the styles that the key may use, as OpenAI's clients list models."""
    base_hash = await services.checkpoint.base_hash()
    workers = await services.broker.workers()
    steps = [info.get("default_steps") for info in workers if info.get("base_hash") == base_hash]
    return ModelPage(
        data=await openai_models(services.sessions, owner),
        items=[
            ModelOut(
                base_hash=base_hash,
                default_steps=steps[0] if steps else None,
                max_steps=services.settings.max_steps,
                max_examples=services.settings.max_examples,
                max_strength=MOST_STRENGTH,
                default_abstraction=DEFAULT_ABSTRACTION,
                min_stroke_size=LEAST_STROKE_SIZE,
                max_stroke_size=MOST_STROKE_SIZE,
                max_size=services.settings.max_output_side,
                max_clip_frames=services.settings.max_clip_frames,
                max_clip_seconds=services.settings.max_clip_seconds,
                max_archive_bytes=services.settings.max_archive_bytes,
                max_archive_photos=services.settings.max_archive_photos,
                input_formats=list(readable()),
            )
        ],
        modalities=[await _modality(medium, services) for medium in services.media.values()],
    )


async def _modality(medium: Medium, services: Container) -> ModalityOut:
    try:
        base: str | None = await medium_base(medium, services.settings)
    except ServiceUnavailableError:
        base = None
    path = medium.resource.path if medium.resource else "stylizations"
    return ModalityOut(name=medium.name, examples=medium.works, base_hash=base, resource=f"/v1/{path}")
