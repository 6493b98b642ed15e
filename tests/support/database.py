"""What the database holds, and a database whose answers get lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.services import Container
from app.migrations.tables import Base


@contextmanager
def answers_lost(engine: AsyncEngine, error: BaseException) -> Iterator[None]:
    """Every transaction commits, but nobody hears of it: ``error`` comes instead of the answer."""
    dialect = engine.dialect
    commit = dialect.do_commit

    def lost(connection: Any) -> None:
        commit(connection)
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialect, "do_commit", lost)
        yield


async def nothing_stored(services: Container) -> bool:
    """Whether no row and no blob exists, but for what every service writes when it starts."""
    async with services.sessions() as session:
        for table in Base.metadata.sorted_tables:
            if table.name not in ("leases", "facts") and await session.scalar(
                select(func.count()).select_from(table)
            ):
                return False
    return await services.blobs.keys() == []
