"""``python -m benchmarks.chaos --times 50``: every fault so many times, and what it cost.

Exit status 1 when a job was lost, done twice or stuck. Results are kept by row in
``benchmarks/results/chaos.json``, so that rows can be run in several calls.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer

from benchmarks.chaos.bench import Patience, Verdict
from benchmarks.chaos.faults import FAULTS
from benchmarks.machine import machine_info

RESULTS = Path(__file__).parent.parent / "results" / "chaos.json"


async def run_shard(name: str, times: int, shard: int, folder: Path) -> Verdict:
    """So many rounds of a fault on one service. A round that raises counts as stuck, with its error."""
    fault, total = FAULTS[name], Verdict()
    rng = Random(f"{name}-{shard}")
    async with fault.open(folder) as (bench, lever):
        for number in range(times):
            try:
                sent, hit = await fault.strike(bench, lever, rng)
                verdict = await bench.judge(sent)
                verdict.hits = int(hit)
            except TimeoutError:
                verdict = Verdict(stuck=1, remarks=[f"round {number}: no answer in time"])
            total.add(verdict)
            if verdict.remarks:
                typer.echo(f"{name}: {'; '.join(verdict.remarks)}", err=True)
        try:
            total.add(await bench.judge_all())
        except TimeoutError:
            total.add(Verdict(stuck=1, remarks=["the broker does not answer at the end"]))
    return total


async def run_fault(name: str, times: int, places: asyncio.Semaphore, keep: Path) -> dict[str, Any]:
    """All rounds of a fault, divided among its shards; a row of the table."""
    fault = FAULTS[name]
    if (missing := fault.missing()) is not None:
        return {"title": fault.title, "skipped": missing}
    shards = min(fault.shards, times)
    started = time.monotonic()

    async def place(shard: int) -> Verdict:
        async with places:
            folder = keep / f"{name}-{shard}"
            folder.mkdir()
            share = times // shards + (shard < times % shards)
            return await run_shard(name, share, shard, folder)

    total = Verdict()
    for verdict in await asyncio.gather(*(place(shard) for shard in range(shards))):
        total.add(verdict)
    seconds = round(time.monotonic() - started)
    typer.echo(f"{name}: {times} rounds in {seconds} s", err=True)
    counts = {field.name: getattr(total, field.name) for field in fields(total)}
    return {"title": fault.title, "rounds": times, "seconds": seconds, **counts}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown, a line a fault."""
    lines = [
        "| fault | rounds | in flight | jobs | lost | doubled | stuck | answers to submissions |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if "skipped" in row:
            lines.append(f"| {row['title']} | not run: {row['skipped']} | | | | | | |")
            continue
        answers = ", ".join(f"{count} x {answer}" for answer, count in sorted(row["answers"].items()))
        counts = " | ".join(str(row[key]) for key in ("rounds", "hits", "jobs", "lost", "doubled", "stuck"))
        lines.append(f"| {row['title']} | {counts} | {answers} |")
    return "\n".join(lines)


def save(rows: dict[str, dict[str, Any]], path: Path) -> dict[str, dict[str, Any]]:
    """Put the rows into the file; all rows that it then has, in the table's order."""
    known = json.loads(path.read_text())["rows"] if path.is_file() else {}
    merged = {name: {**known, **rows}[name] for name in FAULTS if name in {**known, **rows}}
    path.write_text(json.dumps({"machine": machine_info(), "rows": merged}, indent=1) + "\n")
    return merged


def main(
    times: Annotated[int, typer.Option(min=1, help="Rounds of each fault.")] = 50,
    rows: Annotated[str, typer.Option(help=f"Some of: {', '.join(FAULTS)}.")] = ",".join(FAULTS),
    parallel: Annotated[int, typer.Option(min=1, help="Services that run at the same time.")] = 4,
    patience: Annotated[float, typer.Option(help="Seconds in which a job must end.")] = Patience.seconds,
    output: Annotated[Path | None, typer.Option(help="JSON of results, kept by row.")] = RESULTS,
) -> None:
    """Make faults and count what is lost, done twice or stuck."""
    names = rows.split(",")
    Patience.seconds = patience
    if unknown := sorted(set(names) - set(FAULTS)):
        raise typer.BadParameter(f"unknown rows: {', '.join(unknown)}")

    async def run(keep: Path) -> dict[str, dict[str, Any]]:
        places = asyncio.Semaphore(parallel)
        found = await asyncio.gather(*(run_fault(name, times, places, keep) for name in names))
        return dict(zip(names, found, strict=True))

    folder = Path(tempfile.mkdtemp(prefix="fewstroke-chaos-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user than root, inside
    found = asyncio.run(run(folder))
    bad = any(row.get("lost") or row.get("doubled") or row.get("stuck") for row in found.values())
    if bad:
        typer.echo(f"logs and data are kept in {folder}", err=True)
    else:
        shutil.rmtree(folder)
    typer.echo(table(list((save(found, output) if output else found).values())))
    if bad:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
