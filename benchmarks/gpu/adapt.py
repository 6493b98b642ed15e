"""Adaptations: seconds by examples and styles at once, where they go, and the inner step as a CUDA graph."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from benchmarks.bench.roofline import Work
from benchmarks.gpu.ceilings import Ceilings
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.cuda_graph import Replay
from benchmarks.gpu.record import Record, Row
from benchmarks.timing import EXAMPLE_SIZES, synthetic_picture
from model.image.adaptation.inner_learning_rates import ScheduledRates
from model.image.adaptation.level_renders import RenderBatch, RenderLoss
from model.image.adaptation.loop import BETAS, adapt_batch
from model.image.engine import Engine
from model.image.network.style_params import stack
from model.image.pyramid import SIDES
from model.maml import Adam
from model.modality import Learning


def measure(
    record: Record,
    clock: Clock,
    engine: Engine,
    ceilings: Ceilings,
    work: Work,
    *,
    wanted: Sequence[tuple[int, int]],
    steps: int,
) -> None:
    """A row for every (K, styles at once). ``work``: of one inner step of one style.

    ``times_one``: against one style of five examples in this run.
    """
    examples = [synthetic_picture(*EXAMPLE_SIZES[i % 5], seed=i) for i in range(max(k for k, _ in wanted))]
    engine.adapt(examples[:5], steps=4)  # the first in a process is slower
    least = work.least_seconds(ceilings.gemm, ceilings.copy)
    one: float | None = None
    for k, styles in wanted:
        if record.late():
            record.skipped(f"adapt K = {k}, {styles} at once")
            continue
        row: Row = {"k": k, "styles": styles, "steps": steps}

        def whole(k: int = k, styles: int = styles) -> Row:
            requests = [Learning(examples[:k], seed=i) for i in range(styles)]
            clock.forget_peak()
            took = clock.calls(
                lambda: engine.adapt_many(requests, steps=steps), seconds=2.0, least=1, warm_ups=0
            )
            return {"seconds": took.median, "peak_mib": clock.peak_mib()}

        def parts(k: int = k, styles: int = styles) -> Row:
            found = _parts(clock, engine, examples[:k], styles, steps)
            share = least * styles * steps / found["loop_seconds"]
            flop = work.flop * styles * steps / (ceilings.gemm * 1e9) / found["loop_seconds"]
            moved = work.bytes * styles * steps / (ceilings.copy * 1e9) / found["loop_seconds"]
            return found | {"roofline_share": share, "flop_share": flop, "byte_share": moved}

        record.tried(row, "seconds", whole)
        if "seconds" in row:
            if (k, styles) == (5, 1):
                one = row["seconds"]
            if k == 5 and one is not None:
                row["times_one"] = row["seconds"] / one
        record.tried(row, "parts", parts)
        record.add(row)


def _parts(
    clock: Clock, engine: Engine, examples: Sequence[Image.Image], styles: int, steps: int
) -> dict[str, float]:
    """Seconds of what an adaptation consists of."""
    found: dict[str, float] = {}

    def part(name: str, call: Callable[[], object]) -> None:
        clock.synchronize()
        began = time.perf_counter()
        call()
        clock.synchronize()
        found[f"{name}_seconds"] = time.perf_counter() - began

    tasks = [engine.adaptation(examples, seed=100 + i) for i in range(styles)]
    part("examples", lambda: [task.start(level) for task in tasks for level in range(len(SIDES))])
    part("loop", lambda: adapt_batch(tasks, engine.rates, steps=steps))
    return found


def inner_step(record: Record, clock: Clock, engine: Engine, *, styles: Sequence[int]) -> None:
    """The parts of an inner step of each level, and its loss with gradients as a CUDA graph."""
    for many in styles:
        if record.late():
            record.skipped(f"inner steps of {many} styles")
            continue
        _inner_steps(record, clock, engine, many)


def _inner_steps(record: Record, clock: Clock, engine: Engine, many: int) -> None:
    examples = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    tasks = [engine.adaptation(examples, seed=i) for i in range(many)]
    below: list[dict[str, Tensor]] = []
    for level, side in enumerate(SIDES):
        began = time.perf_counter()
        for i, task in enumerate(tasks):
            task.begin_level(level, below[i] if level else None)
        clock.synchronize()
        row: Row = {"styles": many, "side": side, "part": "photos drawn, places chosen"}
        record.add(row | {"eager_milliseconds": 1e3 * (time.perf_counter() - began)})
        below = [task.start(level) for task in tasks]
        support = RenderBatch.join([task.draw(level) for task in tasks])
        _level(record, clock, engine, level, stack(below), support)


def _level(
    record: Record, clock: Clock, engine: Engine, level: int, phi: dict[str, Tensor], support: RenderBatch
) -> None:
    names, many = list(phi), len(next(iter(phi.values())))
    level_loss = RenderLoss(engine.base.networks, engine.objective, level)

    def loss_and_gradients(*tensors: Tensor) -> tuple[Tensor, ...]:
        values = [each.detach().requires_grad_() for each in tensors]
        with torch.enable_grad():
            loss = level_loss(dict(zip(names, values, strict=True)), support)
            gradients = torch.autograd.grad(loss.sum(), values, materialize_grads=True)
        return loss.detach(), *gradients

    inputs = list(phi.values())
    row: Row = {"styles": many, "side": SIDES[level], "part": "loss and gradients"}

    def eager() -> Row:
        return {"eager_milliseconds": 1e3 * clock.events(lambda: loss_and_gradients(*inputs)).median}

    def graph() -> Row:
        expected = [each.clone() for each in loss_and_gradients(*inputs)]
        again = loss_and_gradients(*inputs)
        began = time.perf_counter()
        replay = Replay(loss_and_gradients, inputs)
        clock.synchronize()
        capture = time.perf_counter() - began
        found = replay(*inputs)
        return {
            "graph_difference": _difference(found, expected),
            "eager_difference": _difference(again, expected),  # of two calls: sums in another order
            "graph_milliseconds": 1e3 * clock.events(lambda: replay(*inputs)).median,
            "graph_capture_seconds": capture,
        }

    record.tried(row, "eager", eager)
    if clock.cuda:
        record.tried(row, "graph", graph)
    record.add(row)

    def update() -> Row:
        rule = Adam(ScheduledRates(engine.rates[level], 6, 1.0, 0.5), betas=BETAS)
        state = rule.init(phi)
        with torch.no_grad():
            took = clock.events(lambda: rule.step(phi, phi, state, 0, batched=True))
        return {"eager_milliseconds": 1e3 * took.median}

    row = {"styles": many, "side": SIDES[level], "part": "Adam"}
    record.tried(row, "eager", update)
    record.add(row)


def _difference(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """The largest relative distance of a tensor to what it should be."""
    return max(
        float((a - b).norm() / b.norm().clamp_min(1e-12)) for a, b in zip(found, expected, strict=True)
    )
