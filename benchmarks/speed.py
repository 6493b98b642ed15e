"""Speed and memory of the engine next to Magenta's: ``python -m benchmarks.speed``, on idle cores.

Every subject runs in its own process, so that peaks of memory are its own and allocator settings,
which the C library reads once at start, can be compared::

    python -m benchmarks.speed --threads 1 --threads 2 --variant system:MALLOC_PERTURB_=0 \
        --variant large:MALLOC_MMAP_THRESHOLD_=268435456,MALLOC_TRIM_THRESHOLD_=1073741824

A variant that sets any ``MALLOC_`` variable runs without the engine's own allocator settings;
``MALLOC_PERTURB_=0`` changes nothing, so it stands for the C library as it is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks.errors import BenchmarkError
from benchmarks.machine import library_versions, machine_info

RESULTS = Path(__file__).parent / "results"
MEMORY_LIMIT_MIB = 2048
BUSY_LOAD = 0.25  # share of the cores that others may use before a warning is printed


@dataclass(frozen=True)
class Variant:
    """Environment variables that a probe runs under."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Variant":
        """``name:KEY=VALUE,KEY=VALUE``.

        Raises:
            BenchmarkError: another form.
        """
        name, separator, rest = text.partition(":")
        pairs = [part.split("=", 1) for part in rest.split(",")] if separator else []
        if not name or not pairs or any(len(pair) != 2 or not pair[0] for pair in pairs):
            raise BenchmarkError(f"--variant takes name:KEY=VALUE,KEY=VALUE, not {text!r}")
        return cls(name, {pair[0]: pair[1] for pair in pairs})


def run_probe(subject: str, options: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run ``benchmarks.speed_probe`` and read its JSON.

    Raises:
        BenchmarkError: the probe failed; the text says why.
    """
    command = [sys.executable, "-m", "benchmarks.speed_probe", subject, *options]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchmarkError(
            f"the {subject} probe ended with {done.returncode}: {done.stderr[-1000:].strip()}"
        )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def table(runs: Sequence[Mapping[str, Any]], magenta: Mapping[str, Any] | None) -> str:
    """Markdown table, one line a run: medians of wall-clock time, of CPU time in brackets."""
    lines = [
        "| run | threads | load | first adaptation | later ones | zero steps | stylize | against Magenta "
        "| peak memory |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        ratio = run["stylize"]["median"] / magenta["stylize"]["median"] if magenta else None
        cells = [
            run["name"],
            str(run["threads"]),
            f"{run['load_seconds']:.2f} s",
            _times(run["adapt_first"]),
            _times(run["adapt"]),
            _times(run["adapt_zero_steps"]),
            _times(run["stylize"]),
            f"{ratio:.2f}x" if ratio else "-",
            f"{max(run['memory_mib'].values()):.0f} MiB",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if magenta:
        vectors, stylize = _times(magenta["style_vectors"]), _times(magenta["stylize"])
        lines.append(
            f"| Magenta | {magenta['threads']} | {magenta['load_seconds']:.2f} s | - | - | {vectors} "
            f"| {stylize} | 1.00x | {magenta['memory_mib']['peak']:.0f} MiB |"
        )
    return "\n".join(lines)


def _times(times: Mapping[str, float] | None) -> str:
    return f"{times['median']:.2f} s ({times['cpu_median']:.2f} s CPU)" if times else "-"


def cores_busy(seconds: float = 1.0) -> float:
    """Share of all cores that other processes use right now, 0..1."""
    return float(psutil.cpu_percent(interval=seconds)) / 100


def main(
    threads: Annotated[
        list[int] | None, typer.Option(help="Repeatable; default: torch's own choice.")
    ] = None,
    variant: Annotated[list[str] | None, typer.Option(help="Repeatable, name:KEY=VALUE,…")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Default: the bundled one.")] = None,
    side: Annotated[int, typer.Option(min=64, help="Side of the photo in pixels.")] = 512,
    large: Annotated[int, typer.Option(min=0, help="Side of a second, large photo; 0: none.")] = 1024,
    repeats: Annotated[int, typer.Option(min=1, help="Stylizations that are timed.")] = 15,
    adaptations: Annotated[int, typer.Option(min=0, help="Adaptations after the first.")] = 2,
    device: str = "auto",
    magenta: Annotated[bool, typer.Option(help="Measure Magenta too (needs the bench extra).")] = True,
    out: Annotated[Path, typer.Option(help="Folder for the JSON file and the table.")] = RESULTS,
) -> None:
    """Time adaptation and stylization, and watch memory; write JSON and a table."""
    busy = cores_busy()
    if busy > BUSY_LOAD:
        typer.echo(f"warning: other processes use {busy:.0%} of the cores; figures will be high", err=True)
    before = machine_info()
    counts: list[int | None] = list(threads) if threads else [None]
    try:
        variants = [Variant("as shipped"), *(Variant.parse(text) for text in variant or [])]
        shared = ["--side", str(side), "--repeats", str(repeats)]
        rival = None
        if magenta:
            options = ["--threads", str(max(threads))] if threads else []
            rival = run_probe("magenta", [*shared, *options], {})
            rival["threads"] = max(threads) if threads else "all"
        runs = []
        for count in counts:
            for setting in variants:
                options = [
                    *shared,
                    "--large",
                    str(large),
                    "--adaptations",
                    str(adaptations),
                    "--device",
                    device,
                ]
                options += ["--threads", str(count)] if count else []
                options += ["--checkpoint", str(checkpoint)] if checkpoint else []
                typer.echo(f"{setting.name}, {count or 'default'} threads", err=True)
                result = run_probe("engine", options, setting.environment)
                runs.append({"name": setting.name, "environment": dict(setting.environment), **result})
                typer.echo(table(runs[-1:], rival).splitlines()[2], err=True)
    except BenchmarkError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error

    peak = max(value for value in runs[0]["memory_mib"].values())
    summary = (
        f"Five examples, {runs[0]['default_steps']} steps, one {side}x{side} photo; {before['processor']}, "
        f"{before['cores']} cores, {busy:.0%} used by others. Peak memory of the first run {peak:.0f} MiB, "
        f"limit {MEMORY_LIMIT_MIB} MiB. Magenta renders at 384 px and scales up."
    )
    page = f"# Speed and memory\n\n{summary}\n\n{table(runs, rival)}\n"
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": before,
        "busy_share": round(busy, 3),
        "libraries": library_versions(),
        "arguments": {"side": side, "large": large, "repeats": repeats, "adaptations": adaptations},
        "runs": runs,
        "magenta": rival,
    }
    out.mkdir(parents=True, exist_ok=True)
    name = f"speed-{runs[0]['checkpoint'][:8]}"
    (out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / f"{name}.md").write_text(page)
    typer.echo(page)


if __name__ == "__main__":
    typer.run(main)
