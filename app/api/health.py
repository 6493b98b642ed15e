"""Liveness, readiness, and what the service runs."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response, status
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError

from app.api.readiness import Lack, LackError
from app.api.services import Container
from app.auth.dependencies import Asking, services_of
from app.auth.principal import Scope
from app.errors import AppError, ServiceUnavailableError
from app.http.exception_handlers import problem_responses
from app.http.hrefs import Href
from app.imaging.readable import readable
from app.imaging.sniff import InputFormat
from app.infra.db import ping
from app.medium import Medium
from app.styles.checkpoint import medium_base
from model.image.dials import DEFAULT_ABSTRACTION, LEAST_STROKE_SIZE, MOST_STRENGTH, MOST_STROKE_SIZE

router = APIRouter()

Services = Annotated[Container, Depends(services_of(Container))]

_ASKING_SECONDS = 1.0
_HANGING_SECONDS = 60.0


class Live(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether jobs can be taken and done. ``missing`` says what to look after."""

    status: Literal["ready", "not_ready"]
    missing: dict[str, Lack] = Field(
        description="What is not there, and in a word why; empty when ready. The log says more."
    )
    details: dict[str, str] | None = Field(
        None,
        description="The same in sentences, for the scope `admin` and where no key is asked for.",
    )
    workers: int = Field(description="Workers whose heartbeat is fresh.")


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
    input_formats: list[InputFormat] = Field(description="What pictures may come as.")


class ModalityOut(BaseModel):
    """What styles can be learned of."""

    name: str = Field(description="As in the `modality` of styles and jobs.")
    examples: str = Field(description="The formats of examples, in words.")
    base_hash: str | None = Field(description="SHA-256 of its checkpoint; null: there is none here.")
    resource: Href = Field(description="Where its results are asked for, such as `/v1/compositions`.")


class ModelPage(BaseModel):
    """All models that the service runs."""

    items: list[ModelOut]
    modalities: list[ModalityOut]


@router.get("/livez", operation_id="live", tags=["service"], summary="Is the process alive?")
async def livez() -> Live:
    """Always 200: restart the process when this does not answer."""
    return Live()


@router.get(
    "/readyz",
    tags=["service"],
    operation_id="ready",
    summary="Can the service do jobs?",
    response_model_exclude_none=True,
    responses={503: {"model": Ready, "description": "Something is missing"}},
)
async def readyz(request: Request, services: Services, response: Response) -> Ready:
    """Database, blob store and broker answer, the checkpoint is there, and a worker's heartbeat is fresh."""
    look = await services.readiness.look(
        {
            "database": lambda: _database(services),
            "blobs": services.blobs.check,
            "broker": services.broker.jobs_epoch,
            "checkpoint": services.checkpoint.base_hash,
            "worker": lambda: _workers(services),
        }
    )
    missing, details = dict(look.missing), dict(look.details)
    workers = look.found["worker"]
    at_work, others = workers if isinstance(workers, tuple) else (0, "")
    if others:
        details["worker"] = others
    if services.closing:
        missing["process"] = Lack.STOPPING
        details["process"] = "this process is shutting down: send requests to another one"
    if missing:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = "2"
    return Ready(
        status="not_ready" if missing else "ready",
        missing=missing,
        details=details if details and await _is_admin(request, services) else None,
        workers=at_work,
    )


@router.get(
    "/v1/models",
    operation_id="listModels",
    tags=["service"],
    summary="List models",
    responses=problem_responses(503),
)
async def read_models(services: Services, _asking: Asking) -> ModelPage:
    """The base checkpoint that adaptations of pictures start from, and what else styles are learned of."""
    base_hash = await services.checkpoint.base_hash()
    workers = await services.broker.workers()
    steps = [info.get("default_steps") for info in workers if info.get("base_hash") == base_hash]
    return ModelPage(
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


async def _database(services: Container) -> None:
    services.integrity.check()
    try:
        await ping(services.engine)
    except DBAPIError as error:
        services.integrity.note(error)
        services.integrity.check()
        raise


async def _workers(services: Container) -> tuple[int, str]:
    """How many are at work, and a sentence about those that could not be."""
    workers = await services.broker.workers()
    if not workers:
        raise LackError(
            Lack.NONE, "no worker has sent a heartbeat in the last 15 seconds: start `fewstroke worker`"
        )
    base = await services.checkpoint.base_hash()
    same = [info for info in workers if info.get("base_hash", base) == base]
    others = [info for info in workers if info not in same]
    named = ", ".join(f"{info['worker_id']} ({str(info['base_hash'])[:12]})" for info in others)
    says = f"run another checkpoint than this service ({base[:12]}): {named}; start them with the same one"
    if not same:
        raise LackError(Lack.OTHER_BASE, f"all workers {says}")
    at_work = [info for info in same if float(info.get("silence_seconds") or 0) < _HANGING_SECONDS]
    if not at_work:
        raise LackError(
            Lack.HANGING,
            f"no worker has gone on with its job for {_HANGING_SECONDS:g} seconds: each ends by itself in a "
            "few minutes, or end it now",
        )
    return len(at_work), f"{len(others)} of {len(workers)} workers {says}" if others else ""


async def _is_admin(request: Request, services: Container) -> bool:
    """Whether who asks may know all; not when that cannot be found out, because the database is away."""
    try:
        async with asyncio.timeout(_ASKING_SECONDS):
            return Scope.ADMIN in (await services.authenticator.authenticate(request)).scopes
    except (AppError, DBAPIError, OSError):  # TimeoutError is an OSError
        return False
