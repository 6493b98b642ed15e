"""What runs on the device: number of kernels, their time against the clock's, and the longest of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.bench.pictures import photo
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.record import Record, Row
from benchmarks.timing import EXAMPLE_SIZES, synthetic_picture
from model.image.engine import Engine
from model.image.media.folders import to_tensor
from model.image.network.style_params import at_level, expand
from model.image.pyramid import SIDES
from model.image.style import Style
from model.modality import Learning

_LONGEST = 14  # kernels that are told by name


def measure(
    record: Record, clock: Clock, engine: Engine, style: Style, *, side: int, many: Sequence[int]
) -> None:
    """A row for a rendering alone and in a batch, and for brief adaptations of each number of styles."""
    phi = {k: v.to(clock.device) for k, v in at_level(style.phi, len(SIDES) - 1).items()}
    examples = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    for batch in (1, 32):
        photos = to_tensor([photo(side, i % 4) for i in range(batch)]).to(clock.device)

        def forward(photos: torch.Tensor = photos) -> object:
            with torch.no_grad(), engine.objective.autocast():
                return engine.base.networks(photos, expand(phi, len(photos)))

        _row(record, clock, f"render {side} px, batch {batch}", forward)
    for styles in many:
        if record.late():
            record.skipped(f"kernels of an inner loop of {styles}")
            continue
        requests = [Learning(examples, seed=i) for i in range(styles)]
        _row(
            record,
            clock,
            f"an adaptation of a step a level, {styles} styles",
            lambda requests=requests: engine.adapt_many(requests, steps=len(SIDES)),  # type: ignore[misc]
        )
    if not record.late():
        _row(record, clock, "examples of one style", lambda: engine.adapt(examples, steps=0))


def _row(record: Record, clock: Clock, what: str, call: Callable[[], object]) -> None:
    row: Row = {"what": what}

    def one() -> Row:
        took = clock.calls(call, seconds=0.1, least=2).median
        activity = ProfilerActivity.CUDA if clock.cuda else ProfilerActivity.CPU
        with profile(activities=[activity]) as found:
            call()
            clock.synchronize()
        return {"milliseconds": 1e3 * took} | _summary(found.events(), cuda=clock.cuda)

    record.tried(row, "profile", one)
    record.add(row)


def _summary(events: Any, *, cuda: bool) -> Row:
    totals: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    wanted = "CUDA" if cuda else "CPU"
    for event in events:
        if event.device_type.name == wanted:
            time = event.self_device_time_total if cuda else event.self_cpu_time_total
            totals[event.name] += time / 1000
            counts[event.name] += 1
    names = sorted(totals, key=lambda name: -totals[name])[:_LONGEST]
    longest = [
        {"kernel": name[:160], "count": counts[name], "milliseconds": round(totals[name], 4)}
        for name in names
    ]
    return {
        "kernels": sum(counts.values()),
        "device_milliseconds": sum(totals.values()),
        "longest": longest,
    }
