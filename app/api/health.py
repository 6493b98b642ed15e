"""Liveness, readiness, and what the service runs."""

import asyncio
from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, Field

from app.api.container import Container
from app.api.deps import Asking, Services
from app.api.problems import problem_responses
from app.bounds import MAX_STRENGTH
from app.infra.db import ping
from app.infra.logs import reason

router = APIRouter()

_PROBE_SECONDS = 3.0


class Live(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether jobs can be taken and done. ``missing`` says what to look after."""

    status: Literal["ready", "not_ready"]
    missing: dict[str, str] = Field(description="What is not there, and why; empty when ready.")
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
    max_size: int = Field(description="Longest side of a result in pixels.")
    max_clip_frames: int = Field(description="Of a moving content; 0: contents must not move.")
    max_clip_seconds: float


class ModelPage(BaseModel):
    """All models that the service runs."""

    items: list[ModelOut]


@router.get("/livez", operation_id="live", tags=["service"], summary="Is the process alive?")
async def livez() -> Live:
    """Always 200: restart the process when this does not answer."""
    return Live()


@router.get(
    "/readyz",
    tags=["service"],
    operation_id="ready",
    summary="Can the service do jobs?",
    responses={503: {"model": Ready, "description": "Something is missing"}},
)
async def readyz(services: Services, response: Response) -> Ready:
    """Database, blob store and broker answer, the checkpoint is there, and a worker's heartbeat is fresh."""
    probes = {
        "database": ping(services.engine),
        "blobs": services.blobs.check(),
        "broker": services.broker.jobs_epoch(),
        "checkpoint": services.checkpoint.base_hash(),
        "worker": _workers(services),
        "process": _stays(services),
    }
    results = await asyncio.gather(*(_probe(probe) for probe in probes.values()))
    missing = {name: problem for name, (_, problem) in zip(probes, results, strict=True) if problem}
    services.readiness.note(missing)
    if missing:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = "2"
    workers = dict(zip(probes, results, strict=True))["worker"][0]
    return Ready(
        status="not_ready" if missing else "ready",
        missing=missing,
        workers=workers if isinstance(workers, int) else 0,
    )


@router.get(
    "/v1/models",
    operation_id="listModels",
    tags=["service"],
    summary="List models",
    responses=problem_responses(503),
)
async def read_models(services: Services, _asking: Asking) -> ModelPage:
    """The base checkpoint that adaptations start from."""
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
                max_strength=MAX_STRENGTH,
                max_size=services.settings.max_output_side,
                max_clip_frames=services.settings.max_clip_frames,
                max_clip_seconds=services.settings.max_clip_seconds,
            )
        ]
    )


async def _workers(services: Container) -> int:
    workers = await services.broker.workers()
    if not workers:
        raise RuntimeError("no worker has sent a heartbeat in the last 15 seconds: start `fewstroke worker`")
    return len(workers)


async def _stays(services: Container) -> None:
    if services.closing:
        raise RuntimeError("this process is shutting down: send requests to another one")


async def _probe(probe: Awaitable[object]) -> tuple[object, str | None]:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            return await probe, None
    except TimeoutError:
        return None, f"no answer within {_PROBE_SECONDS:g} seconds"
    except Exception as error:  # a probe reports whatever keeps the service from working
        return None, reason(error)
