"""The sections of a run, each with its part of the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks.bench.adapt import step_work
from benchmarks.bench.roofline import Work, count_work
from benchmarks.gpu import adapt, ceilings, kernels, pixels, stylize
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.record import Record
from benchmarks.machine import library_versions, machine_info
from benchmarks.timing import EXAMPLE_SIZES, synthetic_picture
from model.image.engine import Engine
from model.image.network.style_params import at_level
from model.image.pyramid import SIDES
from model.image.style import Style

SECTIONS = ("ceilings", "stylize", "adapt", "inner step", "kernels", "large", "jpeg", "transfer")


@dataclass(frozen=True)
class Plan:
    """What is measured, in seconds of all sections together; the engine is loaded before."""

    seconds: float = 75.0
    sections: tuple[str, ...] = SECTIONS
    sizes: tuple[int, ...] = (512, 256, 1024, 2048, 4096)
    batches: tuple[int, ...] = (1, 8, 32)
    adaptations: tuple[tuple[int, int], ...] = ((5, 1), (5, 16), (5, 4), (1, 1), (10, 1), (5, 32))
    steps: int | None = None  # None: the engine's own
    inner: tuple[int, ...] = (1, 16)
    large: tuple[int, ...] = (2048, 4096)
    jpegs: tuple[int, ...] = (512, 2048)
    moved: tuple[tuple[int, int], ...] = ((512, 1), (512, 32), (2048, 1))
    profiled: int = 512
    scale: int = 1  # divides the sizes of the ceilings

    @classmethod
    def tiny(cls, **given: Any) -> Plan:
        """To see that everything runs, on a machine that is no GPU."""
        return cls(
            sizes=(64,),
            batches=(1, 8),
            adaptations=((5, 1), (5, 2)),
            steps=4,
            inner=(1,),
            large=(96,),
            jpegs=(64,),
            moved=((64, 2),),
            profiled=64,
            scale=16,
            **given,
        )


def run(
    plan: Plan,
    *,
    device: str = "auto",
    checkpoint: Path | None = None,
    out: Path | None = None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Measure; the document is in ``out`` after every row. Raises what loading the engine raises."""
    began = time.monotonic()
    engine = Engine.load(checkpoint, device=device, renderer="torch")
    clock = Clock(engine.device)
    examples = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    style = engine.adapt(examples, steps=0)
    of_a_pixel, of_a_step = _work(engine, style), step_work(engine)
    about = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name(engine.device) if clock.cuda else "CPU: no GPU was at hand",
        "machine": machine_info(),
        "libraries": library_versions(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if clock.cuda else None,  # type: ignore[no-untyped-call]
        "checkpoint": engine.base_hash,
        "renders_with": engine.renders_with,
        "load_seconds": round(time.monotonic() - began, 1),
        "flop_of_a_pixel": of_a_pixel.flop,
        "bytes_of_a_pixel": of_a_pixel.bytes,
        "flop_of_an_inner_step": of_a_step.flop,
        "bytes_of_an_inner_step": of_a_step.bytes,
    }
    tell(f"loaded in {about['load_seconds']} s on {about['device']}")
    record = Record(about, out, plan.seconds, tell)
    most = ceilings.Ceilings(float("nan"), float("nan"))
    with record.section("ceilings", 0.1):
        most = ceilings.measure(record, clock, scale=plan.scale)
    steps = engine.default_steps if plan.steps is None else plan.steps
    todo: dict[str, tuple[float, Callable[[], None]]] = {
        "stylize": (
            0.34,
            lambda: stylize.measure(
                record,
                clock,
                engine,
                style,
                most,
                of_a_pixel,
                sizes=plan.sizes,
                batches=plan.batches,
            ),
        ),
        "adapt": (
            0.66,
            lambda: adapt.measure(
                record, clock, engine, most, of_a_step, wanted=plan.adaptations, steps=steps
            ),
        ),
        "inner step": (0.76, lambda: adapt.inner_step(record, clock, engine, styles=plan.inner)),
        "kernels": (
            0.85,
            lambda: kernels.measure(record, clock, engine, style, side=plan.profiled, many=plan.inner),
        ),
        "large": (0.91, lambda: stylize.large(record, clock, engine, style, sizes=plan.large)),
        "jpeg": (0.97, lambda: pixels.jpeg(record, clock, sizes=plan.jpegs, batches=(1, 8, 32))),
        "transfer": (1.0, lambda: pixels.transfer(record, clock, cases=plan.moved)),
    }
    for name, (until, measure) in todo.items():
        if name in plan.sections:
            with record.section(name, until):
                clock.forget_peak()
                measure()
    return record.document


def _work(engine: Engine, style: Style) -> Work:
    """Of a pixel: the convolutions of the stylizer; what the weights weigh is left to fade with the size."""
    side = 256
    picture = torch.zeros(1, 3, side, side)
    phi = {name: value.float().cpu() for name, value in at_level(style.phi, len(SIDES) - 1).items()}
    work = count_work(
        engine.base.networks.cpu(), picture, phi, bytes_per_value=2 if engine.objective.amp else 4
    )
    engine.base.networks.to(engine.device)
    return Work(work.flop / side**2, work.bytes / side**2, work.layers)
