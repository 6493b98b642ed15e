"""Many tenants at once against one by one: ``python -m benchmarks.batching``, on idle cores or a GPU.

Adaptations of five examples in one inner loop, and renderings of one photo size under as many styles in one
forward pass. Every time is divided by that of a single one *in the same run*. The steps are few by default,
because sixteen adaptations of all steps take minutes on a CPU; each costs the same.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from PIL import Image

from benchmarks.machine import library_versions, machine_info
from benchmarks.speed import BUSY_LOAD, RESULTS, cores_busy
from benchmarks.timing import EXAMPLE_SIZES, resident_peak_mib, synthetic_picture
from model.image.engine import Engine
from model.image.engine_types import Rendering
from model.image.style import Style
from model.modality import Learning


@dataclass(frozen=True)
class Line:
    """One size of batch: medians in seconds, and the ratio to one alone."""

    what: str
    batch: int
    seconds: float
    times_one: float
    peak_mib: float

    @property
    def per_item(self) -> float:
        """Share of the time of one that each member costs."""
        return self.times_one / self.batch


def measured(call: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median seconds of ``repeats`` calls."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def lines(
    what: str, sizes: Sequence[int], call: Callable[[int], object], device: torch.device, repeats: int
) -> list[Line]:
    """One line for each size of batch; the first size is the unit."""
    found: list[Line] = []
    call(sizes[0])  # warm
    for size in sizes:
        seconds = measured(lambda size=size: call(size), device, repeats)  # type: ignore[misc]
        one = found[0].seconds / found[0].batch if found else seconds / size
        found.append(Line(what, size, seconds, seconds / one, resident_peak_mib()))
        typer.echo(row(found[-1]), err=True)
    return found


def row(line: Line) -> str:
    """A line of the table."""
    return (
        f"| {line.what} | {line.batch} | {line.seconds:.2f} s | {line.times_one:.1f} | {line.per_item:.2f} "
        f"| {line.peak_mib:.0f} MiB |"
    )


def page(found: Sequence[Line], summary: str) -> str:
    """The table with what it was measured on."""
    head = "| work | at once | seconds | times one | each, of one alone | peak memory |\n" + "|---" * 6 + "|"
    return f"# Many at once\n\n{summary}\n\n{head}\n" + "\n".join(row(line) for line in found) + "\n"


def main(
    batches: Annotated[str, typer.Option(help="Sizes of batches, ascending from 1.")] = "1,4,16",
    steps: Annotated[int, typer.Option(min=1, help="Inner steps of an adaptation.")] = 4,
    side: Annotated[int, typer.Option(min=64, help="Side of the photos in pixels.")] = 512,
    repeats: Annotated[int, typer.Option(min=1, help="Calls of which the median is taken.")] = 1,
    device: str = "auto",
    out: Annotated[Path, typer.Option(help="Folder for the JSON file and the table.")] = RESULTS,
) -> None:
    """Time batches of adaptations and renderings against one; write JSON and a table."""
    busy = cores_busy()
    if busy > BUSY_LOAD:
        typer.echo(f"warning: other processes use {busy:.0%} of the cores; figures will be high", err=True)
    sizes = [int(size) for size in batches.split(",")]
    if not sizes or sizes[0] != 1:
        raise typer.BadParameter("--batches begins with 1, which the others are compared with")
    engine = Engine.load(device=device)
    examples = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    requests = [Learning(examples, seed=seed) for seed in range(sizes[-1])]
    photos: list[Image.Image] = [synthetic_picture(side, side, seed=100 + i) for i in range(sizes[-1])]
    style = engine.adapt(examples[:1], steps=0)
    styles = [
        Style({k: v * (1 + 0.01 * i) for k, v in style.phi.items()}, style.header) for i in range(sizes[-1])
    ]
    renderings = [Rendering(photo, each) for photo, each in zip(photos, styles, strict=True)]
    engine.renderer.batch_pixels = max(
        engine.renderer.batch_pixels, side * side * sizes[-1]
    )  # what is asked for, in one pass

    found = lines(
        f"render {side} px",
        sizes,
        lambda size: engine.stylize_many(renderings[:size]),
        engine.device,
        max(3, repeats),
    )
    found += lines(
        f"adapt, 5 examples, {steps} steps",
        sizes,
        lambda size: engine.adapt_many(requests[:size], steps=steps),
        engine.device,
        repeats,
    )
    machine = machine_info()
    on = torch.cuda.get_device_name(engine.device) if engine.device.type == "cuda" else "CPU"
    summary = (
        f"On the {on}: {machine['processor']}, {machine['cores']} cores, {busy:.0%} used by others. Each "
        "batch against one of its kind in the same run; peak memory is that of the process so far."
    )
    document: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "device": on,
        "busy_share": round(busy, 3),
        "libraries": library_versions(),
        "arguments": {"batches": sizes, "steps": steps, "side": side, "repeats": repeats},
        "lines": [asdict(line) for line in found],
    }
    out.mkdir(parents=True, exist_ok=True)
    name = f"batching-{engine.device.type}-{engine.base_hash[:8]}"
    (out / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / f"{name}.md").write_text(page(found, summary))
    typer.echo(page(found, summary))


if __name__ == "__main__":
    typer.run(main)
