"""The number by which a service knows its watermarks."""

import secrets

from app.infra.db import Sessions
from app.infra.facts import WATERMARK, read_fact, settle_fact
from app.settings import Settings


async def own_number(sessions: Sessions) -> int | None:
    """The service's number; None: it has marked nothing yet."""
    said = await read_fact(sessions, WATERMARK)
    return int(said) if said is not None else None


async def marking_number(sessions: Sessions, settings: Settings) -> int | None:
    """The number to mark results with, drawn by the first worker that asks; None: they are not marked."""
    if settings.watermark == "off":
        return None
    return int(await settle_fact(sessions, WATERMARK, str(1 + secrets.randbelow(2**16 - 1))))
