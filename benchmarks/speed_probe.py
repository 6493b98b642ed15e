"""One measured process: loads one engine, adapts, stylizes, prints JSON. ``benchmarks.speed`` starts it.

Times are wall-clock seconds of single calls, as a worker pays them: decoded pictures in, decoded
pictures out. Memory is this process's resident peak in MiB.
"""

import json
import os
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import typer

from benchmarks.errors import BenchmarkError
from benchmarks.timing import EXAMPLE_SIZES, resident_mib, resident_peak_mib, synthetic_picture, timed
from model.errors import ModelError


def probe_engine(
    checkpoint: Path | None, *, side: int, large: int, repeats: int, adaptations: int, device: str
) -> dict[str, Any]:
    """Load, adapt to five examples at the default steps, stylize; memory after each."""
    started = time.perf_counter()
    from model.image.engine import Engine

    imported = time.perf_counter()
    with ExitStack() as stack:
        if any(name.startswith("MALLOC_") for name in os.environ):
            # the engine sets the C library's allocator itself, which would override what is compared here
            stack.enter_context(mock.patch("model.image.engine.keep_freed_memory", return_value=False))
        engine = Engine.load(checkpoint, device=device)
    loaded = time.perf_counter()
    memory = {"after_load": resident_mib()}
    examples = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    photo = synthetic_picture(side, side, seed=100)

    # the first adaptation in a process is the one that a freshly started worker makes
    first = timed(lambda: engine.adapt(examples), 1, warm_ups=0)
    later = timed(lambda: engine.adapt(examples), adaptations, warm_ups=0) if adaptations else None
    memory["peak_after_adapt"] = resident_peak_mib()
    style = engine.adapt(examples, steps=0)
    zero = timed(lambda: engine.adapt(examples, steps=0), 3, warm_ups=0)
    stylize = timed(lambda: engine.stylize(photo, style), repeats)
    memory["peak_after_stylize"] = resident_peak_mib()
    result: dict[str, Any] = {
        "import_seconds": imported - started,
        "load_seconds": loaded - imported,
        "default_steps": engine.default_steps,
        "checkpoint": engine.base_hash,
        "adapt_first": asdict(first),
        "adapt": asdict(later) if later else None,
        "adapt_zero_steps": asdict(zero),
        "stylize": asdict(stylize),
    }
    if large:
        big = synthetic_picture(large, large, seed=101)
        result["stylize_large"] = asdict(timed(lambda: engine.stylize(big, style), 3, warm_ups=1))
        memory["peak_after_large"] = resident_peak_mib()
    memory["at_end"] = resident_mib()
    return result | {"memory_mib": {name: round(value, 1) for name, value in memory.items()}}


def probe_magenta(*, side: int, repeats: int, threads: int | None) -> dict[str, Any]:
    """Magenta's mean of five style vectors and one stylization (rendered at its fixed 384 px)."""
    from benchmarks.magenta import Magenta

    started = time.perf_counter()
    magenta = Magenta(threads=threads)
    examples = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    photo = synthetic_picture(side, side, seed=100)
    vector = magenta.style_vector(examples)
    magenta.stylize(photo, vector)
    loaded = time.perf_counter()
    return {
        "load_seconds": loaded - started,
        "style_vectors": asdict(timed(lambda: magenta.style_vector(examples), 3, warm_ups=1)),
        "stylize": asdict(timed(lambda: magenta.stylize(photo, vector), repeats)),
        "memory_mib": {"peak": round(resident_peak_mib(), 1)},
    }


def main(
    subject: Annotated[str, typer.Argument(help="engine or magenta")],
    checkpoint: Path | None = None,
    side: int = 512,
    large: int = 0,
    repeats: int = 15,
    adaptations: int = 2,
    threads: int | None = None,
    device: str = "auto",
) -> None:
    """Measure one subject in this process and print one JSON object."""
    try:
        if subject == "magenta":
            result = probe_magenta(side=side, repeats=repeats, threads=threads)
        else:
            import torch

            if threads is not None:
                torch.set_num_threads(threads)
            result = probe_engine(
                checkpoint, side=side, large=large, repeats=repeats, adaptations=adaptations, device=device
            )
            result["threads"] = torch.get_num_threads()
    except (BenchmarkError, ModelError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    print(json.dumps(result))


if __name__ == "__main__":
    typer.run(main)
