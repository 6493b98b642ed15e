"""Makes the benchmarks importable, which are in the repository and not in the installed package."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from app.cli.common import ExitCode, complain

ROOT = Path(__file__).parents[2]  # of the checkout, where there is one


@contextmanager
def benchmark_imports() -> Iterator[None]:
    """Around imports of ``benchmarks``: without them or a package, say what to do and end with SETUP."""
    if not (ROOT / "benchmarks" / "__init__.py").is_file():
        complain(
            "the benchmarks are not part of the installed package: run this in a checkout of the repository, "
            "after `pip install -e '.[bench]'` there"
        )
        raise typer.Exit(ExitCode.SETUP)
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    try:
        yield
    except ModuleNotFoundError as error:
        complain(f"{error.name} is not installed: run `pip install -e '.[bench]'` in {ROOT}")
        raise typer.Exit(ExitCode.SETUP) from error
