"""``python -m benchmarks.ablation --styles DIR --contents DIR``: one table for each question.

Every variant is trained for ``--minutes-each`` from the same checkpoint by the code of ``meta-train``, and
adapted to held-out styles with the same number of steps. What was trained and judged is kept in
``--cache``: a run that was stopped goes on, and ``--only`` adds rows.
"""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.ablation.judge import Judge, Protocol, split_artists
from benchmarks.ablation.report import markdown
from benchmarks.ablation.train import configure, train
from benchmarks.ablation.variants import chosen
from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.groups import photos_of, read_groups
from benchmarks.evaluation.selection import choose_artists, choose_photos, pictures_in
from benchmarks.machine import library_versions, machine_info
from model.adaptation import AdaptConfig
from model.checkpoint import load_base
from model.errors import ModelError
from model.formats import checkpoint_hash, default_checkpoint
from model.runtime import resolve_device
from model.training.config import TrainingConfig

RESULTS = Path(__file__).parents[1] / "results"


def start_info(path: Path) -> dict[str, Any]:
    """What all variants begin from; says when meta-training has been at it before."""
    card = load_base(path).header["card"]
    minutes = card.get("minutes", [0, 0, 0])
    remark = " (which was meta-trained before)" if minutes[2] else ""
    return {"sha256": checkpoint_hash(path), "minutes": minutes, "remark": remark}


def protocol_of(
    styles: Path,
    contents: Path,
    *,
    k: int,
    steps: int,
    scales: str,
    counts: tuple[int, int, int],
    size: int,
    seed: int,
) -> Protocol:
    """Held-out styles and photos, by the split that training keeps away from.

    ``counts``: styles to choose rates on, styles to report, photos.

    Raises:
        BenchmarkError: too few of either, or scales that are no numbers.
    """
    selection, report, photos = counts
    groups = read_groups("validation", styles)
    artists = choose_artists(styles, ks=[k], main_k=k, seed=seed, groups=groups)
    choose, judge = split_artists(artists, selection, report, seed)
    if not judge or not choose:
        raise BenchmarkError(
            f"{len(artists)} held-out styles with {k} examples and unseen works: too few for "
            f"{selection} to choose rates on and {report} to report"
        )
    try:
        factors = [float(part) for part in scales.split(",")]
    except ValueError as error:
        raise BenchmarkError(f"--scales takes numbers, not {scales!r}") from error
    found = choose_photos(photos_of("validation", groups, pictures_in(contents)), count=photos, seed=seed)
    return Protocol(choose, judge, found, k, steps, factors, size)


def main(
    styles: Annotated[Path, typer.Option(help="Folder of style folders.")],
    contents: Annotated[Path, typer.Option(help="Folder of photos.")],
    minutes_each: Annotated[float, typer.Option(min=0.01, help="Training time of each variant.")] = 3.0,
    only: Annotated[
        str | None, typer.Option(help="Variants, such as `none,maml,critic`; default all.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Pre-trained checkpoint; default: the bundled one.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Inner steps of every adaptation.")] = 10,
    scales: Annotated[str, typer.Option(help="Grid of factors of the inner rates.")] = "1,2,4",
    k: Annotated[int, typer.Option(min=1, max=16, help="Examples of each style.")] = 5,
    selection: Annotated[int, typer.Option(min=1, help="Held-out styles that choose the factor.")] = 3,
    report: Annotated[int, typer.Option(min=1, help="At most so many other held-out styles to report.")] = 8,
    photos: Annotated[int, typer.Option(min=1, help="Photos for the figures.")] = 3,
    size: Annotated[int, typer.Option(min=64, help="Side of these photos in pixels.")] = 192,
    train_size: Annotated[int, typer.Option(min=32, help="Side of training crops in pixels.")] = 96,
    batch: Annotated[int, typer.Option(min=1, help="Renders in a step of joint training.")] = 8,
    meta_batch: Annotated[int, typer.Option(min=1, help="Styles in an outer step.")] = 2,
    meta_steps: Annotated[int, typer.Option(min=1, help="Inner steps in training.")] = 3,
    device: str = "auto",
    threads: Annotated[int | None, typer.Option(min=1)] = None,
    seed: int = 0,
    cache: Annotated[Path, typer.Option(help="Folder of what was trained and judged.")] = Path(
        "runs/ablation"
    ),
    out: Annotated[Path, typer.Option(help="Folder for the table and the JSON file.")] = RESULTS,
) -> None:
    """Train, adapt, measure; write a Markdown table and a JSON file."""
    began, machine = time.perf_counter(), machine_info()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        variants = chosen(only)
        where = resolve_device(device)
        protocol = protocol_of(
            styles,
            contents,
            k=k,
            steps=steps,
            scales=scales,
            counts=(selection, report, photos),
            size=size,
            seed=seed,
        )
        first = start or default_checkpoint()
        begin = start_info(first)
        common = TrainingConfig(
            styles=styles,
            contents=contents,
            out=cache,
            start=first,
            device=device,
            seed=seed,
            size=train_size,
            meta_size=train_size,
            batch=batch,
            meta_batch=meta_batch,
            meta_steps=meta_steps,
            tasks_in_pool=12,
            sample_seconds=1e9,
        )
        judge = Judge(protocol, str(where))
        rows = {}
        for number, variant in enumerate(variants, 1):
            checkpoint = train(configure(common, variant, minutes_each), variant)
            rows[variant.key] = judge.judge(variant, checkpoint, AdaptConfig(photos=2, size=128, bank=8))
            passed = time.perf_counter() - began
            typer.echo(f"{number}/{len(variants)} {variant.key} ({passed:.0f} s)", err=True)
    except (BenchmarkError, ModelError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    summary = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - began, 1),
        "minutes_each": minutes_each,
        "start": begin,
        "protocol": protocol.describe(),
        "training": {"size": train_size, "batch": batch, "meta_batch": meta_batch, "meta_steps": meta_steps},
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else "cpu",
        "machine": machine,
        "libraries": library_versions(),
    }
    out.mkdir(parents=True, exist_ok=True)
    name = f"ablation-{begin['sha256'][:8]}-{minutes_each:g}min-{len(protocol.report)}styles"
    document = {**summary, "rows": [asdict(row) for row in rows.values()]}
    (out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    page = markdown(summary, rows)
    (out / f"{name}.md").write_text(page)
    typer.echo(page)


if __name__ == "__main__":
    typer.run(main)
