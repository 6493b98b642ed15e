"""``fewstroke doctor``: what keeps the service from working, and how to mend it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from app.cli.common import ExitCode, reported_errors

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of database, pictures and queue.", show_default="$FEWSTROKE_DATA_DIR"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check broker, database, storage, disk, checkpoint, styles, device, decoder, port and clocks.

    Exit status 0: everything works, perhaps with warnings; 1: something does not.
    """
    import asyncio

    from app.cli.service import load
    from app.doctor import Verdict, examine

    with reported_errors():
        findings = asyncio.run(examine(load(data_dir=data_dir), device=device))
    failed = any(finding.verdict is Verdict.FAIL for finding in findings)
    if as_json:
        checks = [{"check": f.check, "verdict": f.verdict, "says": f.says, "mend": f.mend} for f in findings]
        typer.echo(json.dumps({"ok": not failed, "checks": checks}, indent=2))
    else:
        console = Console(highlight=False, emoji=False)
        for finding in findings:
            colour = _COLOURS[finding.verdict]
            verdict = f"[{colour}]{finding.verdict.value:<4}[/]"
            console.print(f"{verdict} {finding.check:<11} {escape(finding.says)}", soft_wrap=True)
            if finding.mend:
                console.print(f"{'':<16} [dim]{escape(finding.mend)}[/]", soft_wrap=True)
    if failed:
        raise typer.Exit(ExitCode.FAILED)
