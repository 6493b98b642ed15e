"""A database that cannot be used is told in a sentence, at the start and by readiness."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import ConfigError
from app.infra import db
from app.infra.db import create_engine, ping
from app.infra.errors import DatabaseUnavailableError
from app.migrations.migrate import migrate
from app.settings import Settings


async def read_only(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a disk was remounted, or on a standby."""
    if engine.dialect.name == "sqlite":
        monkeypatch.setattr(db, "_may_write", lambda _: False)
        return
    async with engine.begin() as connection:
        name = await connection.scalar(text("SELECT current_database()"))
        await connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    await engine.dispose()


async def test_one_that_can_only_be_read(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    await ping(engine)
    await read_only(engine, monkeypatch)
    for ask in (ping, migrate):
        with pytest.raises(DatabaseUnavailableError, match="it can only be read"):
            await ask(engine)


async def test_a_newer_schema_is_left_alone(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match=r"schema 9999.*newer version"):
        await migrate(engine)


async def test_one_that_does_not_answer() -> None:
    engine = create_engine(Settings(database_url="postgresql://user:hunter2@127.0.0.1:1/x").database)
    with pytest.raises(DatabaseUnavailableError, match=r"postgresql\+asyncpg://\*\*\*@127") as refused:
        await migrate(engine)
    assert "refused" in str(refused.value) or "Connect call failed" in str(refused.value)
    await engine.dispose()


async def test_one_whose_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DatabaseUnavailableError, match="File exists"):
        create_engine(Settings(database_url=f"sqlite:///{tmp_path}/file/x.db").database)


async def test_what_is_stored_does_not_come_into_the_log(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(Exception, match=r"no such table|not exist") as failed:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO nowhere VALUES (:x)"), {"x": "hunter2"})
    assert "hunter2" not in str(failed.value)
