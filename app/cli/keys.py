"""``fewstroke keys``: who may use the service. Works on the configured database."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import InputError, err_console, reported_errors
from app.cli.database import on_database
from app.cli.service import DataDir

if TYPE_CHECKING:
    from app.auth.tables import ApiKeyRow
    from app.infra.db import Sessions
    from app.settings import Settings

keys = typer.Typer(name="keys", help="Make, list and revoke API keys.", no_args_is_help=True)

_UNITS = {"h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}  # s


@keys.command()
def create(
    owner: Annotated[
        str, typer.Argument(help="Whose things the key sees: all keys of an owner see the same.")
    ],
    name: Annotated[str, typer.Option(help="A name for people, e.g. where the key is used.")] = "",
    scopes: Annotated[
        str, typer.Option(help="What it may do: read, write, admin; separated by commas.")
    ] = "read,write",
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 12h, 90d, 2w, 1y, or a date.", show_default="never")
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=0, help="0: as many as it likes.", show_default="the service's limit")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print it, once. The first key closes a service that was open until then."""
    with reported_errors():
        from app.audit.log import note
        from app.auth.principal import Scope
        from app.auth.repository import create_key

        try:
            granted = [Scope(scope) for scope in re.split(r"[\s,]+", scopes.strip().lower()) if scope]
        except ValueError as error:
            raise InputError(f"{scopes!r} is no list of scopes: use read, write and admin") from error
        ends = _expiry(expires)

        async def work(sessions: Sessions, _: Settings) -> tuple[ApiKeyRow, str]:
            row, text = await create_key(
                sessions,
                owner=owner,
                name=name,
                scopes=granted,
                expires_at=ends,
                requests_per_minute=requests_per_minute,
            )
            await note(sessions, "key.created", owner, row.id)
            return row, text

        row, text = on_database(work, data_dir)
    until = "until it is revoked" if row.expires_at is None else f"until {row.expires_at:%Y-%m-%d %H:%M} UTC"
    err_console().print(
        f"Key {row.id} of {row.owner} ({row.scopes}) is good {until}. Keep it now: it is not shown again.\n"
        "Send it with every request: -H 'Authorization: Bearer fsk_...'",
        soft_wrap=True,
    )
    print(text)


@keys.command("list")
def list_(
    owner: Annotated[str | None, typer.Option(help="Only the keys of this owner.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Show all keys: whose, what they may do, when they end, when they were last used."""
    with reported_errors():
        from app.auth.repository import list_keys

        rows = on_database(lambda sessions, _: list_keys(sessions, owner), data_dir)
    if not rows:
        err_console().print("There are no keys: make one with `fewstroke keys create OWNER`.")
        return
    now = datetime.now(UTC)
    lines = [("KEY", "OWNER", "NAME", "SCOPES", "STATE", "CREATED", "EXPIRES", "LAST USED")]
    for row in rows:
        moments = (_time(moment) for moment in (row.created_at, row.expires_at, row.last_used_at))
        lines.append(
            (f"fsk_{row.public}", row.owner, row.name or "-", row.scopes, _state(row, now), *moments)  # type: ignore[arg-type]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:  # not a table that wraps: keys are copied from here
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@keys.command()
def revoke(
    key: Annotated[
        str, typer.Argument(help="The key's id (key_...), or its beginning as `list` shows it (fsk_...).")
    ],
    disable_webhooks: Annotated[
        bool, typer.Option("--disable-webhooks", help="Also the webhooks that it has made.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key useless, within seconds, for good."""
    with reported_errors():
        from app.audit.log import note
        from app.auth.repository import revoke_key
        from app.webhooks.repository import webhooks_of_key

        async def work(sessions: Sessions, _: Settings) -> tuple[ApiKeyRow, list[str]]:
            row = await revoke_key(sessions, key)
            await note(sessions, "key.revoked", row.owner, row.id)
            return row, await webhooks_of_key(sessions, row.id, disable=disable_webhooks)

        row, webhooks = on_database(work, data_dir)
    err_console().print(f"Key {row.id} of {row.owner} is revoked.")
    if webhooks and disable_webhooks:
        err_console().print(f"Its webhooks are disabled: {', '.join(webhooks)}.")
    elif webhooks:
        err_console().print(
            f"Webhooks that it made go on: {', '.join(webhooks)}. Did strangers have it, revoke it once more "
            "with --disable-webhooks."
        )


@keys.command("rotate-links")
def rotate_links(
    now: Annotated[
        bool, typer.Option("--now", help="Links that were given out stop working, within seconds.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Sign links to pictures with a new secret. Those that were given out work until they expire."""
    with reported_errors():
        from app.auth.signed_urls import rotate
        from app.infra.secrets_at_rest import Seal

        forget = timedelta(0) if now else timedelta(days=30)
        on_database(
            lambda sessions, settings: rotate(sessions, forget=forget, seal=Seal.of(settings)), data_dir
        )
    err_console().print("Links are signed with a new secret.")


def _expiry(text: str | None) -> datetime | None:
    if text is None:
        return None
    if (span := re.fullmatch(r"(\d{1,6})([hdwy])", text.strip().lower())) is not None:
        try:
            return datetime.now(UTC) + timedelta(seconds=int(span[1]) * _UNITS[span[2]])
        except OverflowError as error:
            raise InputError(f"{text!r} is after the year 9999: leave --expires away for never") from error
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no time: write 12h, 90d, 2w, 1y, or a date as 2027-01-31") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _state(row: ApiKeyRow, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "active"


def _time(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
