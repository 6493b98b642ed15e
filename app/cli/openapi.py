"""``fewstroke openapi``: the HTTP contract as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import reported_errors


def openapi(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write.", show_default="standard output")
    ] = None,
) -> None:
    """Write the OpenAPI description of the HTTP API, with the limits that a service has by default."""
    with reported_errors():
        from app.api.export_openapi import contract
        from app.cli.results import write_bytes

        text = contract()
        if output is None:
            typer.echo(text, nl=False)
        else:
            write_bytes(output, text.encode())
