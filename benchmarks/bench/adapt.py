"""Adaptation: seconds by the number of examples and of steps, alone and many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks.bench.roofline import Rates, Work, count_work
from benchmarks.timing import EXAMPLE_SIZES, synthetic_picture, timed
from model.image.engine import Engine
from model.image.losses.hypercolumns import HYPERCOLUMN_LAYERS
from model.image.losses.loss_weights import LEVEL_WEIGHTS
from model.image.losses.statistics import STYLE_LAYERS
from model.image.media.folders import to_tensor
from model.modality import Learning

JUDGEMENTS = 3  # of each level


def measure(
    engine: Engine,
    *,
    examples: Sequence[int],
    steps: Sequence[int | None],
    together: Sequence[int],
    together_steps: int,
    tell: Callable[[str], None],
) -> list[dict[str, Any]]:
    """A row for every K and number of steps, and for every number of styles in one inner loop (K = 5).

    All numbers of steps are taken at K = 5, the first alone at the others.
    """
    works = [synthetic_picture(*EXAMPLE_SIZES[i % 5], seed=i) for i in range(max([*examples, 5]))]
    rows: list[dict[str, Any]] = []

    def add(k: int, count: int, styles: int) -> None:
        tell(f"adapt K = {k}, {count} steps, {styles} at once")
        requests = [Learning(works[:k], seed=i) for i in range(styles)]
        took = timed(lambda: engine.adapt_many(requests, steps=count), 1, warm_ups=0)
        rows.append(
            {"k": k, "steps": count, "styles": styles, "seconds": took.median, "cpu_seconds": took.cpu_median}
        )

    engine.adapt(works[:1], steps=4)  # the first in a process is slower
    for k in examples:
        counts = [engine.default_steps if each is None else each for each in steps]
        for count in [0, *(counts if k == 5 else counts[:1])]:
            add(k, count, 1)
    if together:
        add(5, together_steps, 1)
    for styles in together:
        add(5, together_steps, styles)
    return rows


def add_shares(rows: list[dict[str, Any]], engine: Engine, rates: Rates) -> None:
    """Beside each row: seconds a step, how much of the roofline is reached, and how many times one style."""
    alone = {(r["k"], r["steps"]): r["seconds"] for r in rows if r["styles"] == 1}
    work = step_work(engine)
    for row in rows:
        start = alone.get((row["k"], 0))
        if row["steps"] and start is not None and row["styles"] == 1:
            row["seconds_a_step"] = (row["seconds"] - start) / row["steps"]
            if engine.device.type == "cpu":
                peak = rates.peak(bf16=engine.objective.amp)
                row["roofline_share"] = work.least_seconds(peak, rates.copy) / row["seconds_a_step"]
        reference = alone.get((row["k"], row["steps"]))
        if row["styles"] > 1 and reference is not None:
            row["times_one"] = row["seconds"] / reference


def step_work(engine: Engine) -> Work:
    """The convolutions of one inner step, the mean over the levels: renders and features forward and back,
    and a share of the judges', who look at the start, the middle and the end of each level.

    The gradient with respect to the maps costs as much as the forward pass; weights have none.
    """
    c = engine.config
    size = 2 if engine.objective.amp else 4
    phi = {name: torch.zeros(1, *shape) for name, shape in engine.shapes.items()}
    networks, network = engine.base.networks.cpu(), engine.objective.network.cpu()
    flop = moved = layers = 0.0
    for level, steps, weights in zip(c.levels, c.level_steps(c.steps), LEVEL_WEIGHTS, strict=True):
        photo = to_tensor([synthetic_picture(level.crop, level.crop, seed=0)])
        seen = (*HYPERCOLUMN_LAYERS, *(STYLE_LAYERS if weights.statistics else ()))
        passes = 2 * min(level.photos, c.bank) + JUDGEMENTS * c.held_out / max(1, steps)
        for work in (
            count_work(networks, photo, phi, bytes_per_value=size),
            count_work(network, photo, seen, bytes_per_value=size),
        ):
            flop += passes * work.flop / len(c.levels)
            moved += passes * work.bytes / len(c.levels)
            layers += passes * work.layers / len(c.levels)
    engine.base.networks.to(engine.device)
    engine.objective.network.to(engine.device)
    return Work(flop, moved, round(layers))
