"""The schema: what the migrations make is what the tables say, however many processes start at once."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, func, inspect, select

from app.errors import ConfigError
from app.infra.db import create_engine
from app.migrations import HEAD
from app.migrations.migrate import alembic_config, migrate
from app.migrations.tables import Base
from app.settings import Settings

_START = """
import asyncio, sys
from app.infra.db import create_engine
from app.migrations.migrate import migrate
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


def _upgraded_to(revision: str, connection: Connection) -> None:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _fill(connection: Connection) -> dict[str, int]:
    """A row in each table, that refers to those in the others; how many there are."""
    values: dict[type, Any] = {
        str: "x",
        int: 1,
        float: 1.0,
        bool: True,
        object: {},  # JSON
        bytes: b"x",
        datetime: datetime(2026, 1, 1, tzinfo=UTC),
    }
    tables = MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        if table.name != "alembic_version":
            connection.execute(table.insert().values({c.name: values[c.type.python_type] for c in table.c}))
    return _counts(connection, tables)


def _counts(connection: Connection, tables: MetaData) -> dict[str, int]:
    return {
        name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for name, table in tables.tables.items()
    }


@pytest.mark.parametrize("revision", [f"{number:04}" for number in range(1, int(HEAD))])
async def test_an_upgrade_keeps_every_row(empty_database_url: str, revision: str) -> None:
    engine = create_engine(Settings(database_url=empty_database_url).database)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(partial(_upgraded_to, revision))
        async with engine.begin() as connection:
            before = await connection.run_sync(_fill)
        assert set(before.values()) == {1}
        await migrate(engine)
        async with engine.connect() as connection:
            assert await connection.run_sync(_differences) == []
            after = await connection.run_sync(partial(_counts, tables=Base.metadata))
            if engine.dialect.name == "sqlite":
                assert (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all() == []
                assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar_one() == 1
        assert {name: count for name, count in after.items() if name in before} == {
            name: 1 for name in before if name in after
        }
    finally:
        await engine.dispose()


async def test_an_upgrade_that_would_lose_references_changes_nothing(tmp_path: Path) -> None:
    engine = create_engine(Settings(database_url=f"sqlite:///{tmp_path}/old.db").database)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(partial(_upgraded_to, "0003"))
        async with engine.connect() as connection:
            await connection.exec_driver_sql("ROLLBACK")
            await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            await connection.exec_driver_sql("BEGIN")
            await connection.run_sync(_fill)
            await connection.exec_driver_sql("DELETE FROM jobs")
            await connection.commit()
        await engine.dispose()
        with pytest.raises(ConfigError, match="restore a backup"):
            await migrate(engine)
        async with engine.connect() as connection:
            found = await connection.exec_driver_sql("SELECT version_num FROM alembic_version")
            assert found.scalar_one() == "0003"
            assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar_one() == 1
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
