"""``fewstroke backup`` and ``fewstroke restore``: database and pictures of a data folder."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import InputError, complain, err_console, reported_errors
from app.cli.service import DataDir

if TYPE_CHECKING:
    from app.settings import Settings


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    data_dir: DataDir = None,
) -> None:
    """Copy database and pictures into a new folder; the service may run meanwhile.

    Of PostgreSQL use pg_dump, of a bucket its versions or a copy (docs/backup.md).
    """
    with reported_errors():
        from app.infra.backup import back_up

        settings = _local(data_dir)
        if folder.exists():
            raise InputError(f"{folder} exists: name a folder that is not there yet")
        assert settings.blobs_folder is not None
        made = back_up(Path(settings.database.database or ""), settings.blobs_folder, folder)
    err_console().print(f"{made.files} pictures and styles and the database are in {folder}.")
    if made.missing:
        complain(f"{made.missing} files that the database names are not there", kind="warning")
    err_console().print("The key of its secrets, secret.key, is not among them: keep a copy elsewhere.")


def restore(
    folder: Annotated[
        Path | None, typer.Argument(help="What `fewstroke backup` has made.", show_default=False)
    ] = None,
    release: Annotated[
        bool,
        typer.Option("--release", help="Delete pictures again that the restored database does not name."),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Put a backup back. The service must not run.

    Pictures that are newer than the backup stay, until --release says that nobody wants them back.
    """
    with reported_errors():
        from app.infra.backup import put_back
        from app.supervisor.lock import data_folder_lock

        settings = _local(data_dir)
        if (folder is None) == (not release):
            raise InputError("name a backup, or say --release, not both")
        if folder is None:
            asyncio.run(_release(settings))
            err_console().print("Pictures that the database does not name are deleted again in time.")
            return
        assert settings.blobs_folder is not None
        with data_folder_lock(settings.data_dir):
            files = put_back(folder, Path(settings.database.database or ""), settings.blobs_folder)
    err_console().print(
        f"The database and {files} pictures and styles are back. What was stored after the backup stays "
        "until `fewstroke restore --release`."
    )


def _local(data_dir: Path | None) -> Settings:
    from app.cli.service import load
    from app.infra.secrets_at_rest import keep_private

    keep_private()
    settings = load(data_dir=data_dir)
    if settings.database.get_backend_name() != "sqlite" or settings.blobs_folder is None:
        raise InputError(
            "this is for SQLite and a folder of pictures: of PostgreSQL use pg_dump, of a bucket its "
            "versions or a copy; docs/backup.md says in which order"
        )
    return settings


async def _release(settings: Settings) -> None:
    from app.infra.db import create_engine, create_sessions
    from app.infra.facts import RESTORED, set_fact
    from app.migrations.migrate import migrate

    engine = create_engine(settings.database)
    try:
        await migrate(engine)
        await set_fact(create_sessions(engine), RESTORED, None)
    finally:
        await engine.dispose()
