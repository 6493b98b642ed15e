"""What ``fewstroke bench`` runs, in which order, and where it is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.bench import adapt, convolutions, service, stylize
from benchmarks.bench.pictures import photo
from benchmarks.bench.report import page, same_processor
from benchmarks.bench.roofline import measure_rates
from benchmarks.errors import BenchmarkError
from benchmarks.gpu import run as gpu
from benchmarks.machine import library_versions, machine_info
from benchmarks.speed import cores_busy
from benchmarks.timing import timed

RESULTS = Path(__file__).parent.parent / "results"
PARTS = ("stylize", "adapt", "service")


@dataclass(frozen=True)
class Plan:
    """What is measured; lists are of the rows of each part."""

    parts: tuple[str, ...] = PARTS
    sizes: tuple[int, ...] = (256, 512, 1024, 2048, 4096)
    batches: tuple[int, ...] = (1, 8, 32)
    examples: tuple[int, ...] = (1, 5, 10)
    steps: tuple[int | None, ...] = (10, 20, None)
    together: tuple[int, ...] = (4, 16)
    together_cuda: tuple[int, ...] = (4, 16, 32)
    together_steps: int = 2
    loads: tuple[service.Load, ...] = (service.Load(1, 24), service.Load(8, 64), service.Load(32, 128))
    least_rounds: int = 7  # of a row of stylize up to 1024 px, however slow the machine
    gpu_seconds: float = 75.0  # of the GPU's own benchmark, where there is one
    peers: bool = True
    device: str = "auto"
    threads: int | None = None  # of the engine and of torch's subjects; None: torch's own choice

    @classmethod
    def quick(cls, **given: Any) -> Plan:
        """A minute or two: few rows, and few rounds of each."""
        return cls(
            sizes=(256, 512),
            batches=(1,),
            examples=(5,),
            steps=(5,),
            together=(),
            loads=(service.Load(8, 24),),
            least_rounds=2,
            gpu_seconds=20.0,
            **given,
        )


def run(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure. Raises BenchmarkError for an unknown part, and what the engine raises."""
    if unknown := set(plan.parts) - set(PARTS):
        raise BenchmarkError(f"no part {', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    busy = cores_busy()
    if busy > 0.25:
        tell(f"other processes use {busy:.0%} of the cores: figures will be high")
    if plan.threads is not None:
        torch.set_num_threads(plan.threads)
    document: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_info(),
        "libraries": library_versions(),
        "threads": torch.get_num_threads(),
        "busy_share": round(busy, 3),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "No GPU was at hand.",
    }
    tell("rates of the machine")
    rates = measure_rates()
    tell("the subjects")
    found, engine, style, missing = stylize.subjects(plan.device, peers=plan.peers)
    document |= {"checkpoint": engine.base_hash, "renders_with": engine.renders_with, "missing": missing}
    if "stylize" in plan.parts:
        document["stylize"] = stylize.measure(
            found, sizes=plan.sizes, batches=plan.batches, least_rounds=plan.least_rounds, tell=tell
        )
    if "adapt" in plan.parts:
        document["adapt"] = adapt.measure(
            engine,
            examples=plan.examples,
            steps=plan.steps,
            together=plan.together_cuda if engine.device.type == "cuda" and plan.together else plan.together,
            together_steps=plan.together_steps,
            tell=tell,
        )
    if {"stylize", "adapt"} & set(plan.parts):
        tell("the convolutions")
        document["convolutions"] = convolutions.measure(engine, style)
    if "service" in plan.parts:
        picture = photo(512, 0)
        alone = timed(lambda: engine.stylize(picture, style), 9)
        document["service"], document["start"] = service.measure(plan.loads, alone.median, tell=tell)
        document["start"] |= {
            "engine_512_seconds": alone.median,
            "engine_512_processor_seconds": alone.cpu_median,
        }
    if engine.device.type == "cuda":
        tell("the GPU: python -m benchmarks.gpu")
        document["on_gpu"] = gpu.run(gpu.Plan(seconds=plan.gpu_seconds), device=plan.device, tell=tell)
    tell("rates of the machine, again")
    rates = rates.or_better(measure_rates())
    document["rates"] = asdict(rates)
    stylize.add_shares(document.get("stylize", []), engine, style, rates)
    adapt.add_shares(document.get("adapt", []), engine, rates)
    convolutions.add_shares(document.get("convolutions", []), rates)
    return document


def store(document: dict[str, Any], out: Path, *, keep: bool) -> tuple[str, Sequence[Path]]:
    """The page, compared with the last stored run; and the files written when the run is to be kept.

    Parts that were not measured are kept from the last stored run, and dated.
    """
    path = out / "bench.json"
    before = json.loads(path.read_text()) if path.is_file() else None
    text = page(document, before)
    if not keep:
        return text, ()
    if before is not None and same_processor(before, document):
        absent = [part for part in (*PARTS, "start") if part not in document and part in before]
        dates = {part: before.get("kept", {}).get(part, before["measured_at"]) for part in absent}
        document = {**document, **{part: before[part] for part in absent}, "kept": dates}
        text = page(document, before)
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
    path.with_suffix(".md").write_text(text)
    return text, (path, path.with_suffix(".md"))
