"""``fewstroke config``: what is configured, and where it comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import complain, reported_errors

if TYPE_CHECKING:
    from app.settings import Settings


def config(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    table: Annotated[bool, typer.Option("--table", help="The page docs/configuration.md.")] = False,
) -> None:
    """Show the settings in effect and where each comes from; secrets are masked."""
    with reported_errors():
        from app.settings_report import effective, page, remarks

        if table:
            typer.echo(page(), nl=False)
            return
        from app.settings import load_settings

        settings: Settings = load_settings()
        rows: dict[str, dict[str, Any]] = effective(settings)
    for sentence in remarks():
        complain(sentence, kind="warning")
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
        return
    width = max(map(len, rows))
    for name, row in rows.items():
        value = "" if row["value"] is None else row["value"]
        typer.echo(f"{name:<{width}}  {row['source']:<11}  {value}")
