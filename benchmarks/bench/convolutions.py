"""The convolutions themselves: how near to the machine's peak they run, apart from all that is between them.

From the profile of the library that runs them: times of single operators, with what it fused into them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.bench.adapt import step_work
from benchmarks.bench.pictures import photo
from benchmarks.bench.roofline import Rates, count_work
from benchmarks.timing import EXAMPLE_SIZES, synthetic_picture
from model.image.engine import Engine
from model.image.media.folders import to_tensor
from model.image.network.style_params import at_level
from model.image.pyramid import SIDES
from model.image.style import Style

_SIDE = 512
_STEPS = (4, 12)  # their difference is free of what an adaptation does once


def measure(engine: Engine, style: Style) -> list[dict[str, Any]]:
    """A row for a picture and one for an inner step: seconds in convolutions, and their operations.

    On a CPU; no rows elsewhere.
    """
    if engine.device.type != "cpu":
        return []
    return [_picture(engine, style), _step(engine)]


def add_shares(rows: list[dict[str, Any]], rates: Rates) -> None:
    """Beside each row: the share of the machine's highest rate in that precision."""
    for row in rows:
        row["peak_share"] = row["flop"] / row["seconds"] / 1e9 / rates.peak(bf16=row["bf16"])


def seconds(call: Callable[[], object]) -> float:
    """Seconds that one call spends in convolutions."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        call()
    own = (each for each in found.key_averages() if each.key.startswith("aten::") and "conv" in each.key)
    return float(sum(each.self_cpu_time_total for each in own)) / 1e6


def _picture(engine: Engine, style: Style) -> dict[str, Any]:
    picture, native = to_tensor([photo(_SIDE, 0)]), engine.renderer.native
    phi = {name: value.float().cpu() for name, value in at_level(style.phi, len(SIDES) - 1).items()}
    work = count_work(engine.base.networks, picture, phi, bytes_per_value=4)

    def render() -> object:
        with torch.no_grad(), engine.objective.autocast():
            return engine.base.networks(picture, phi)

    took = native.convolution_seconds(picture, phi) if native is not None else seconds(render)
    return _row(f"the finest level at {_SIDE} px, {engine.renders_with}", took, work.flop, engine)


def _step(engine: Engine) -> dict[str, Any]:
    works = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    engine.adapt(works, steps=4)
    few, many = (seconds(partial(engine.adapt, works, steps=count)) for count in _STEPS)
    return _row("an inner step", (many - few) / (_STEPS[1] - _STEPS[0]), step_work(engine).flop, engine)


def _row(what: str, took: float, flop: float, engine: Engine) -> dict[str, Any]:
    return {"what": what, "seconds": took, "flop": flop, "bf16": engine.objective.amp}
