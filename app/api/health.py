"""Liveness, readiness, and what the service runs."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response, status
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError

from app.api.readiness import Lack, LackError
from app.api.services import Container
from app.auth.dependencies import services_of
from app.auth.principal import Scope
from app.errors import AppError
from app.infra.db import ping

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
