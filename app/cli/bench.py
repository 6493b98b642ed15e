"""``fewstroke bench``: a thin wrapper over :mod:`benchmarks.bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.checkout import benchmark_imports
from app.cli.common import InputError, err_console, reported_errors


def bench(
    quick: Annotated[
        bool, typer.Option(help="A minute or two; is not stored unless --store is given.")
    ] = False,
    parts: Annotated[
        str, typer.Option(help="Some of stylize, adapt, service, separated by commas.")
    ] = "stylize,adapt,service",
    peers: Annotated[bool, typer.Option(help="Measure other networks beside ours.")] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of everything but the service.", show_default="torch's choice")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of stored runs.", show_default="benchmarks/results of the checkout"),
    ] = None,
    store: Annotated[
        bool | None,
        typer.Option(help="Replace the stored run.", show_default="with all parts at full length"),
    ] = None,
) -> None:
    """Measure speed and memory on this machine, beside peers and the machine's own rates.

    Use idle cores. Prints tables, and compares with the last stored run.
    """
    with reported_errors():
        with benchmark_imports():
            from benchmarks.bench.command import PARTS, RESULTS, Plan
            from benchmarks.bench.command import run as measure
            from benchmarks.bench.command import store as keep
            from benchmarks.errors import BenchmarkError
            from demo.errors import DemoError
        console = err_console()
        chosen = tuple(part.strip() for part in parts.split(",") if part.strip())
        plan = (Plan.quick if quick else Plan)(parts=chosen, peers=peers, device=device, threads=threads)
        try:
            document = measure(plan, lambda line: console.print(line, markup=False, soft_wrap=True))
        except (BenchmarkError, DemoError) as error:
            raise InputError(str(error)) from error
        whole = not quick and set(chosen) == set(PARTS)
        text, files = keep(document, out or RESULTS, keep=whole if store is None else store)
        typer.echo(text)
        for file in files:
            console.print(f"wrote {file}", markup=False, soft_wrap=True)
