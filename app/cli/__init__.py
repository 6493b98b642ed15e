"""The command ``fewstroke``.

Every command imports what it needs when it runs: ``--help`` stays fast, and the API's
process never sees torch.
"""

from __future__ import annotations

import io
import sys

import typer

from app.cli import (
    backup,
    batch,
    bench,
    certificates,
    config,
    demo,
    detect,
    doctor,
    evaluate,
    export,
    judge,
    keys,
    local,
    mcp,
    music,
    openapi,
    owners,
    service,
    text_training,
    training,
    version,
    writing,
)
from model.cpu import wait_briefly

cli = typer.Typer(
    name="fewstroke",
    help="Few-shot style adaptation: five pictures in a style and a photo in, the photo in that style out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

cli.command(rich_help_panel="Service")(service.serve)
cli.command(rich_help_panel="Service")(service.api)
cli.command(rich_help_panel="Service")(service.worker)
cli.command(rich_help_panel="Service")(demo.demo)
cli.command(rich_help_panel="Service")(batch.batch)
cli.command(rich_help_panel="Service")(doctor.doctor)
cli.command(rich_help_panel="Service")(config.config)
cli.command(rich_help_panel="Service")(backup.backup)
cli.command(rich_help_panel="Service")(backup.restore)
cli.add_typer(keys.keys, rich_help_panel="Service")
cli.add_typer(certificates.certificates, rich_help_panel="Service")
cli.add_typer(owners.owners, rich_help_panel="Service")
cli.command(rich_help_panel="Without a server")(local.adapt)
cli.command(rich_help_panel="Without a server")(local.stylize)
cli.command(rich_help_panel="Without a server")(detect.detect)
cli.command(rich_help_panel="Without a server")(export.export)
cli.command(rich_help_panel="Without a server")(music.compose)
cli.command(rich_help_panel="Without a server")(writing.write)
cli.command("meta-train", rich_help_panel="Training")(training.meta_train)
cli.command("music-train", rich_help_panel="Training")(music.music_train)
cli.command("text-train", rich_help_panel="Training")(text_training.text_train)
cli.command(rich_help_panel="Training")(evaluate.evaluate)
cli.command(rich_help_panel="Training")(judge.judge)
cli.command(rich_help_panel="Training")(bench.bench)
cli.command(rich_help_panel="Service")(openapi.openapi)
cli.command(rich_help_panel="Service")(mcp.mcp)
cli.command()(version.version)


def main() -> None:
    """Entry point of the console script."""
    wait_briefly()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files that are not UTF-8, as they are
    cli()
