"""Quality next to other methods: ``python -m benchmarks.compare --styles DIR --contents DIR``.

K works of an artist are the examples; other works of the same artist, which no method sees, tell
learning the style from copying the examples. Contact sheets show the pictures behind the figures:
the second network and the eye are the judges.
"""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.cache import ResultCache
from benchmarks.comparison import Comparison
from benchmarks.contact_sheet import contact_sheet
from benchmarks.errors import BenchmarkError
from benchmarks.groups import photos_of, read_groups
from benchmarks.machine import library_versions, machine_info
from benchmarks.magenta import Magenta
from benchmarks.methods import Adapted, Identity, MagentaMean, MagentaOne, Method
from benchmarks.report import compare_rows, markdown, row_summary
from benchmarks.selection import choose_artists, choose_photos, pictures_in
from model.engine import Engine
from model.errors import ModelError

ROWS_PER_SHEET = 8
RESULTS = Path(__file__).parent / "results"


def parse_steps(text: str, default: int) -> list[int]:
    """``0,1,5,default`` to ascending step counts without repeats.

    Raises:
        BenchmarkError: not a list of numbers of steps.
    """
    try:
        steps = {default if part.strip() == "default" else int(part) for part in text.split(",")}
    except ValueError as error:
        raise BenchmarkError(f"--steps takes numbers and `default`, not {text!r}") from error
    if min(steps) < 0:
        raise BenchmarkError("a number of steps is never negative")
    return sorted(steps)


def our_methods(steps: str, checkpoint: Path | None, device: str) -> tuple[list[Adapted], dict[str, Any]]:
    """A row a number of steps, and what is known of the checkpoint."""
    engine = Engine.load(checkpoint, device=device)
    rows = [Adapted(engine, count) for count in parse_steps(steps, engine.default_steps)]
    return rows, {"sha256": engine.base_hash, "default_steps": engine.default_steps}


def comparisons_of(comparison: Comparison, ours: list[Adapted], rivals: list[Method]) -> list[dict[str, Any]]:
    """Our best-adapted row against zero steps and against each rival; nothing without an adapted row."""
    if not ours:
        return []
    by_label = comparison.rows
    start = [method for method in ours if method.steps == 0 and len(ours) > 1]
    adapted = next((m for m in ours if m.is_default), ours[-1])
    others: list[Method] = [*start, *rivals]
    return [compare_rows(by_label[adapted.label], by_label[other.label]) for other in others]


def main(
    styles: Annotated[Path, typer.Option(help="Folder of style folders.")],
    contents: Annotated[Path, typer.Option(help="Folder of photos.")],
    groups: Annotated[
        str | None, typer.Option(help="`validation`, `validation,test`, or a file of names.")
    ] = None,
    k: Annotated[int, typer.Option(min=1, max=16, help="Examples of each artist.")] = 5,
    steps: Annotated[
        str, typer.Option(help="Numbers of inner steps; `default` is the checkpoint's.")
    ] = "0,1,5,10,default",
    photos: Annotated[int, typer.Option(min=1, help="Photos each artist is applied to.")] = 5,
    size: Annotated[int, typer.Option(min=64, help="Side of the photos in pixels.")] = 256,
    seed: int = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many artists (a seeded choice).")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Begin no artist after so many minutes; report on those done.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Default: the bundled one.")] = None,
    device: str = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch and ONNX Runtime.")] = None,
    baselines_only: Annotated[bool, typer.Option(help="Leave this project's rows out.")] = False,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps measured rows.")] = None,
    sheets: Annotated[Path, typer.Option(help="Folder for contact sheets (they show the data).")] = Path(
        "runs/sheets"
    ),
    out: Annotated[Path, typer.Option(help="Folder for the JSON file and the table.")] = RESULTS,
) -> None:
    """Compare with Magenta and with zero steps; write JSON, a table and contact sheets."""
    started, before = time.perf_counter(), machine_info()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        artists = choose_artists(styles, k=k, seed=seed, groups=read_groups(groups, styles), limit=limit)
        chosen = choose_photos(photos_of(groups, pictures_in(contents)), count=photos, seed=seed)
        magenta = Magenta(threads=threads)
        rivals: list[Method] = [MagentaOne(magenta), MagentaMean(magenta, k)]
        ours, known = ([], None) if baselines_only else our_methods(steps, checkpoint, device)
        comparison = Comparison(
            [Identity(), *rivals, *ours], chosen, size=size, seed=seed, cache=ResultCache(cache)
        )
        for number, artist in enumerate(artists, 1):
            if minutes is not None and time.perf_counter() - started > 60 * minutes:
                artists = artists[: number - 1]
                break
            comparison.run(artist)
            typer.echo(
                f"{number}/{len(artists)} {artist.name} ({time.perf_counter() - started:.0f} s)", err=True
            )
    except (BenchmarkError, ModelError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error

    if not artists:
        typer.echo("error: no artist was measured in the time given", err=True)
        raise typer.Exit(2)
    rows = [comparison.works, *comparison.rows.values()]
    compared = comparisons_of(comparison, ours, rivals)
    summary = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - started, 1),
        "arguments": {
            "groups": groups if groups is None or not Path(groups).is_file() else Path(groups).name,
            "k": k,
            "steps": [method.steps for method in ours],
            "photos": photos,
            "size": size,
            "seed": seed,
            "limit": limit,
            "minutes": minutes,
            "threads": threads,
            "device": device,
        },
        "checkpoint": known,
        "machine": before,
        "libraries": library_versions(),
        "artists": [artist.name for artist in artists],
        "photos": [path.name for path in chosen],
    }
    name = f"compare-{known['sha256'][:8] if known else 'baselines'}-k{k}-{size}px-{len(artists)}artists"
    out.mkdir(parents=True, exist_ok=True)
    document = {**summary, "rows": [row_summary(row) for row in rows], "comparisons": compared}
    (out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    page = markdown(summary, rows, compared)
    (out / f"{name}.md").write_text(page)
    typer.echo(page)
    sheets.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(comparison.sheet_rows), ROWS_PER_SHEET):
        part = comparison.sheet_rows[first : first + ROWS_PER_SHEET]
        path = sheets / f"{name}-{first // ROWS_PER_SHEET + 1}.png"
        contact_sheet(["examples", "photo", *comparison.sheet_columns], part).save(path)
        typer.echo(f"contact sheet: {path}", err=True)


if __name__ == "__main__":
    typer.run(main)
