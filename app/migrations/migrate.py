"""Bring the database's schema up to date when a process starts."""

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.errors import ConfigError
from app.infra.db import BUSY_SECONDS, ping, unusable
from app.infra.errors import DatabaseUnavailableError
from app.migrations import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATION_LOCK = 0x66657773  # any constant: the key of PostgreSQL's advisory lock


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema to the newest revision; safe when many processes start at once.

    The whole upgrade is one transaction under the database's own lock (SQLite: the write lock,
    taken by the first statement; PostgreSQL: an advisory lock), so the second process finds the work done.

    Raises DatabaseUnavailableError, and ConfigError when a newer version has used the database.
    """
    try:
        await ping(engine)
    except DatabaseUnavailableError:
        raise
    except Exception as error:  # drivers have trees of their own, and the system's
        raise unusable(engine.url, error) from error
    revision = await _revision(engine)
    if revision == HEAD:
        return  # the usual start: Alembic, which takes time and memory, is not even imported
    if revision is not None and revision > HEAD:
        raise ConfigError(
            f"The database has schema {revision}, this version knows {HEAD}: run the newer version that has "
            "used it, or restore the backup from before."
        )
    sqlite = engine.dialect.name == "sqlite"
    if sqlite:
        await _enable_wal(engine)
    async with engine.connect() as connection:
        if sqlite:
            await _upgrade_sqlite(connection)
            return
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        await connection.run_sync(_upgrade)
        await connection.commit()


async def _revision(engine: AsyncEngine) -> str | None:
    """The revision of the schema; None when there is none yet."""
    try:
        async with engine.connect() as connection:
            revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
            return None if revision is None else str(revision)
    except DBAPIError:
        return None


async def _upgrade_sqlite(connection: AsyncConnection) -> None:
    """Without foreign keys: SQLite changes a table by making it anew, and to drop the old one is to delete
    the rows that others refer to. They are checked before the commit instead. Raises ConfigError."""
    # Ends the deferred transaction that `connect` began: the switch does nothing inside of one.
    await connection.exec_driver_sql("ROLLBACK")
    try:
        await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        await connection.exec_driver_sql("BEGIN IMMEDIATE")  # takes the write lock at once
        await connection.run_sync(_upgrade)
        lost = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).mappings().all()
        if lost:
            tables = ", ".join(sorted({f"{row['table']} -> {row['parent']}" for row in lost}))
            raise ConfigError(
                f"The database refers to {len(lost)} rows that are not there ({tables}) and stays as it was: "
                "restore a backup, or delete what refers to them."
            )
        await connection.commit()
    finally:
        await connection.rollback()
        await connection.exec_driver_sql("ROLLBACK")
        await connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        await connection.exec_driver_sql("BEGIN")


async def _enable_wal(engine: AsyncEngine) -> None:
    # Changing the journal mode does not wait for other connections as other statements do: try again.
    deadline = asyncio.get_running_loop().time() + BUSY_SECONDS
    while True:
        try:
            async with engine.connect() as connection:
                await connection.exec_driver_sql("ROLLBACK")  # the mode cannot change inside a transaction
                mode = (await connection.exec_driver_sql("PRAGMA journal_mode=WAL")).scalar_one()
                await connection.exec_driver_sql("BEGIN")
                if mode == "wal":
                    return
        except OperationalError:
            if asyncio.get_running_loop().time() > deadline:
                raise
        if asyncio.get_running_loop().time() > deadline:
            raise RuntimeError("SQLite refuses WAL mode here: put FEWSTROKE_DATA_DIR on a local disk")
        await asyncio.sleep(0.05)


def alembic_config() -> "Config":
    """Alembic's configuration without an ini file, usable from the installed package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "app:migrations")  # a path may have a %, which means something
    return config


def _upgrade(connection: Connection) -> None:
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
