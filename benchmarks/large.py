"""Large pictures: strips next to the whole picture, seconds and memory. ``python -m benchmarks.large``.

Every line is a process of its own, which loads the engine and a zero-step style, renders one bundled photo
enlarged to the size, and tells its resident peak (``VmHWM``)::

    python -m benchmarks.large --size 2048x2048 --size 4096x4096
"""

import json
import math
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.machine import library_versions, machine_info
from benchmarks.speed import cores_busy
from benchmarks.timing import resident_mib, resident_peak_mib

RESULTS = Path(__file__).parent / "results"
SIZES = ["1280x1280", "2048x2048", "4096x4096", "8192x4882"]
WHOLE_UP_TO = 2048 * 2048  # pixels: beyond, the whole picture needs several GB


def probe(width: int, height: int, *, whole: bool) -> dict[str, Any]:
    """Render once in this process: seconds (CPU and wall clock), and memory in MiB."""
    from model.engine import BANK, Engine
    from model.style import Style

    engine = Engine.load()
    engine.renderer.max_side = max(width, height)
    style: Style = engine.adapt([Image.open(BANK / "fig.jpg")], steps=0)
    loaded = resident_mib()
    photo = Image.open(BANK / "pagoda.jpg").convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    engine.renderer.whole_pixels = 2**31 if whole else 0
    started, cpu_started = time.perf_counter(), time.process_time()
    rendered = engine.stylize(photo, style, stroke_size=1)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    result = {
        "checkpoint": engine.base_hash,
        "renders_with": engine.renders_with,
        "size": [width, height],
        "how": "whole" if whole else "strips",
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "loaded_mib": round(loaded),
        "peak_mib": round(resident_peak_mib()),
        "after_mib": round(resident_mib()),
    }
    if not whole and width * height <= WHOLE_UP_TO:
        engine.renderer.whole_pixels = 2**31
        result["psnr_db"] = round(_psnr(rendered, engine.stylize(photo, style, stroke_size=1)), 1)
    return result


def _psnr(a: Image.Image, b: Image.Image) -> float:
    error = float(np.square(np.asarray(a, dtype=np.float32) - np.asarray(b, dtype=np.float32)).mean())
    return 10 * math.log10(255**2 / max(error, 1e-9))


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| size | how | seconds | CPU seconds | loaded | peak | afterwards | PSNR to the whole |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        width, height = run["size"]
        psnr = f"{run['psnr_db']} dB" if "psnr_db" in run else "-"
        lines.append(
            f"| {width}x{height} | {run['how']} | {run['seconds']} | {run['cpu_seconds']} | "
            f"{run['loaded_mib']} MiB | {run['peak_mib']} MiB | {run['after_mib']} MiB | {psnr} |"
        )
    return "\n".join(lines)


def main(
    size: Annotated[list[str] | None, typer.Option(help="Repeatable, WIDTHxHEIGHT.")] = None,
    one: Annotated[str | None, typer.Option(hidden=True)] = None,
    whole: Annotated[bool, typer.Option(hidden=True)] = False,
    out: Annotated[Path, typer.Option(help="Folder for the JSON file and the table.")] = RESULTS,
) -> None:
    """Render at several sizes; write ``large.json`` and ``large.md``."""
    if one is not None:
        width, _, height = one.partition("x")
        print(json.dumps(probe(int(width), int(height), whole=whole)))
        return
    busy = cores_busy()
    runs = []
    for text in size or SIZES:
        width, _, height = text.partition("x")
        small = int(width) * int(height) <= WHOLE_UP_TO
        for extra in (["--whole"], []) if small else ([],):
            command = [sys.executable, "-m", "benchmarks.large", "--one", text, *extra]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise BenchmarkError(f"{text} ended with {done.returncode}: {done.stderr[-1000:].strip()}")
            runs.append(json.loads(done.stdout))
            typer.echo(table(runs[-1:]).splitlines()[2], err=True)
    machine = machine_info()
    about = (
        f"Checkpoint {runs[0]['checkpoint'][:8]}, {runs[0]['renders_with']}. {machine['processor']}, "
        f"{machine['cores']} cores; {busy:.0%} of them used by others at the start, as the seconds show."
    )
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "busy_share": round(busy, 3),
        "libraries": library_versions(),
        "runs": runs,
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "large.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / "large.md").write_text(f"# Large pictures\n\n{about}\n\n{table(runs)}\n")
    typer.echo(table(runs))


if __name__ == "__main__":
    typer.run(main)
