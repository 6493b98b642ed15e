"""Open the database of a service for a command, whether the service runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from app.infra.db import Sessions
    from app.settings import Settings

T = TypeVar("T")


def on_database(work: Callable[[Sessions, Settings], Awaitable[T]], data_dir: Path | None) -> T:
    """What ``work`` returns; the schema is up to date."""
    from app.cli.service import load
    from app.infra.db import create_engine, create_sessions
    from app.infra.secrets_at_rest import keep_private
    from app.migrations.migrate import migrate

    keep_private()
    settings: Settings = load(data_dir=data_dir)

    async def run() -> T:
        engine = create_engine(settings.database)
        try:
            await migrate(engine)
            return await work(create_sessions(engine), settings)
        finally:
            await engine.dispose()

    return asyncio.run(run())
