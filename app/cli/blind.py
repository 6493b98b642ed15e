"""``fewstroke evaluate --blind`` and ``--count``: thin wrappers over :mod:`benchmarks.evaluation.blind`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli.common import InputError

if TYPE_CHECKING:
    from benchmarks.evaluation.options import Options


def key_beside(pairs: Path) -> Path:
    """Where the key of a folder of sheets is kept unless told otherwise: beside the folder, not in it."""
    return pairs.parent / f"{pairs.name}-key.json"


def write_sheets(
    methods: tuple[str, str],
    pairs: Path,
    key: Path | None,
    results: Path,
    unseen_above: bool,
    selection: Options,
    say: Callable[[str], None],
) -> None:
    """Write sheets and key, and say where they are. Raises ``BenchmarkError`` or ``ModelError``."""
    from benchmarks.evaluation.blind.command import BlindOptions, write_blind

    options = BlindOptions(methods, pairs, key or key_beside(pairs), results, unseen_above)
    for file in write_blind(options, selection, say):
        say(f"wrote {file}")


def print_figures(
    methods: Sequence[str],
    results: Path,
    unseen_above: bool,
    selection: Options,
    say: Callable[[str], None],
) -> None:
    """Measure, print tables, and say where they are. Raises ``BenchmarkError`` or ``ModelError``."""
    from benchmarks.evaluation.figures.command import measure_figures

    measured, files = measure_figures(methods, selection, results, say, unseen_above=unseen_above)
    typer.echo(measured.markdown())
    for file in files:
        say(f"wrote {file}")


def print_counts(forms: Sequence[Path], key: Path | None, figures: Path | None) -> None:
    """Print the counts of filled-in forms, and which figures agree with them. Raises ``BenchmarkError``."""
    from benchmarks.evaluation.blind.counts import count_forms

    if key is None:
        raise InputError("--count needs the key of the sheets: give --key FILE")
    typer.echo(count_forms(forms, key))
    if figures is not None:
        from benchmarks.evaluation.figures.agreement import agreements

        typer.echo("\n" + agreements(forms, key, figures))
