"""``fewstroke meta-train``: a thin wrapper over :mod:`model.training`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import reported_errors


def meta_train(
    styles: Annotated[Path, typer.Option(help="Folder with a folder of pictures per style.")],
    contents: Annotated[Path, typer.Option(help="Folder of photos.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints, log and curves.")],
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so long.", show_default="the schedule's end")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Meta-train a base checkpoint: zero-step pre-training, then MAML over styles."""
    with reported_errors():
        from model.training import cli_entry

        cli_entry(styles=styles, contents=contents, out=out, minutes=minutes, resume=resume, device=device)
