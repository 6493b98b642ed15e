"""``GET /v1/usage``."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.auth.dependencies import Owner
from app.submission.dependencies import Services

router = APIRouter(prefix="/v1/usage", tags=["service"])


class Usage(BaseModel):
    """What the owner of a key takes up, and may take up."""

    stored_bytes: int = Field(description="Bytes of pictures and styles, with 4 KiB for each.")
    stored_bytes_limit: int | None = Field(description="null: no limit.")
    unfinished_jobs: int
    unfinished_jobs_limit: int


@router.get("", operation_id="getUsage", summary="What you take up")
async def read_usage(request: Request, services: Services, owner: Owner) -> Usage:
    """Beyond `stored_bytes_limit` uploads are refused (507), beyond `unfinished_jobs_limit` jobs (429)."""
    return Usage(
        stored_bytes=await services.storage.stored(owner),
        stored_bytes_limit=services.storage.limit(request),
        unfinished_jobs=await services.ledger.unfinished(owner),
        unfinished_jobs_limit=services.settings.max_queued_jobs_per_owner,
    )
