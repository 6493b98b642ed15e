"""``fewstroke owners``: what belongs to whom, written out or erased, and who did what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import InputError, err_console, reported_errors
from app.cli.database import on_database
from app.cli.service import DataDir

if TYPE_CHECKING:
    from app.infra.db import Sessions
    from app.settings import Settings

owners = typer.Typer(name="owners", help="Export or delete all that an owner has.", no_args_is_help=True)

Owner = Annotated[str, typer.Argument(help="The owner, as `fewstroke keys list` shows it.")]


@owners.command()
def export(
    owner: Owner,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    data_dir: DataDir = None,
) -> None:
    """Write all pictures, styles and rows of an owner into a new folder."""
    with reported_errors():
        from app.infra.blobs import Blobs
        from app.retention.owners import export_owner

        if folder.exists():
            raise InputError(f"{folder} exists: name a folder that is not there yet")

        async def work(sessions: Sessions, settings: Settings) -> int:
            return await export_owner(sessions, Blobs.open(settings), owner, folder)

        count = on_database(work, data_dir)
    err_console().print(f"{count} files and owner.json are in {folder}.")


@owners.command()
def delete(
    owner: Owner,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Revoke an owner's keys and delete all that they have. There is no way back but a backup."""
    if not yes:
        typer.confirm(f"Delete every picture, style, job and webhook of {owner}?", abort=True, err=True)
    with reported_errors():
        from app.audit.log import note
        from app.infra.blobs import Blobs
        from app.infra.broker import Broker, BrokerUnavailableError, find_broker
        from app.job_hooks import JOB_HOOKS
        from app.jobs.forgetting import forget_events
        from app.jobs.ledger import Ledger
        from app.retention.owners import erase_owner

        async def work(sessions: Sessions, settings: Settings) -> tuple[int, bool]:
            left = await erase_owner(sessions, Ledger(sessions, JOB_HOOKS), owner)
            await Blobs.open(settings).delete(left.keys)
            await note(sessions, "owner.deleted", owner, owner)
            try:
                token = settings.nats_token.get_secret_value() if settings.nats_token else None
                address = find_broker(settings.data_dir, url=settings.nats_url, token=token)
                broker = await Broker.connect(address.url, token=address.token, name="fewstroke-owners")
            except BrokerUnavailableError:
                return len(left.keys), False
            await forget_events(broker, left.jobs)
            await broker.close()
            return len(left.keys), True

        files, events = on_database(work, data_dir)
    err_console().print(f"{files} files and all rows of {owner} are deleted, and the keys are revoked.")
    if not events:
        err_console().print(
            "The broker does not answer: previews of the last hour go when they are an hour old."
        )


@owners.command()
def log(
    owner: Annotated[str | None, typer.Argument(help="Only of this owner.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Who made, changed and deleted what; kept for 400 days."""
    with reported_errors():
        from app.audit.log import entries

        rows = on_database(lambda sessions, _: entries(sessions, owner), data_dir)
    for row in rows:
        print(f"{row.at:%Y-%m-%d %H:%M:%S}  {row.owner}  {row.key_id or '-'}  {row.action}  {row.subject}")
