"""``python -m benchmarks``: speed and memory; with ``--styles`` and ``--contents`` also quality.

Every benchmark runs in its own process, so that none inherits another's memory or threads. The
single ones take more options: ``python -m benchmarks.speed --help``, ``fewstroke evaluate --help``.
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer


def _run(*command: str) -> None:
    code = subprocess.run([sys.executable, "-m", *command], check=False).returncode
    if code:
        raise typer.Exit(code)


def main(
    styles: Annotated[Path | None, typer.Option(help="Folder of style folders.")] = None,
    contents: Annotated[Path | None, typer.Option(help="Folder of photos.")] = None,
    groups: Annotated[
        str, typer.Option(help="`validation`, `validation,test`, or a file of names.")
    ] = "validation",
) -> None:
    """Measure what needs no data, and quality where folders of works and photos are given."""
    if (styles is None) != (contents is None):
        raise typer.BadParameter("--styles and --contents belong together")
    _run("app.cli", "bench")
    if styles is None or contents is None:
        typer.echo("Quality is not measured: it needs --styles DIR and --contents DIR.", err=True)
        return
    _run("app.cli", "evaluate", "--styles", str(styles), "--contents", str(contents), "--groups", groups)


if __name__ == "__main__":
    typer.run(main)
