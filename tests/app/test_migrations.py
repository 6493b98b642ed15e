"""The schema: what the migrations make is what the tables say, however many processes start at once."""

from __future__ import annotations

import asyncio
import sys

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from app.infra.db import create_engine
from app.infra.schema import alembic_config, migrate
from app.infra.tables import Base
from app.migrations import HEAD
from app.settings import Settings

_START = """
import asyncio, sys
from app.infra.db import create_engine
from app.infra.schema import migrate
from app.settings import Settings

async def main():
    engine = create_engine(Settings(database_url=sys.argv[1]).database)
    await migrate(engine)
    await engine.dispose()

asyncio.run(main())
"""


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def test_the_recorded_head_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [HEAD]


async def test_migrations_make_the_tables(empty_database_url: str) -> None:
    engine = create_engine(Settings(database_url=empty_database_url).database)
    try:
        await migrate(engine)
        await migrate(engine)
        async with engine.connect() as connection:
            assert await connection.run_sync(_differences) == []
            tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        assert set(tables) == {*Base.metadata.tables, "alembic_version"}
    finally:
        await engine.dispose()


async def test_processes_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    starts = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", _START, empty_database_url, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    for process in starts:
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
    engine = create_engine(Settings(database_url=empty_database_url).database)
    try:
        async with engine.connect() as connection:
            assert await connection.run_sync(_differences) == []
            if engine.dialect.name == "sqlite":
                assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one() == "wal"
                assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar_one() == 1
    finally:
        await engine.dispose()
