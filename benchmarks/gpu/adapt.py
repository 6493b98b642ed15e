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
from benchmarks.gpu.record import Record, Row
from benchmarks.timing import EXAMPLE_SIZES, synthetic_picture
from model.adaptation import Adaptation
from model.adaptation_loop import Renders, adapt_together, compare_gathered, gathered
from model.engine import Engine
from model.inner_rates import ScheduledRates
from model.maml import Adam
from model.perceptual.statistics import StyleStatistics
from model.phi import stack
from model.replay import Replay
from model.requests import Learning


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
    engine.adapt(examples[:5], steps=2)  # the first in a process is slower
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

    tasks: list[Adaptation] = []
    starts: list[dict[str, Tensor]] = []
    part("examples", lambda: tasks.extend(engine.adaptation(examples, seed=100 + i) for i in range(styles)))
    part("start", lambda: starts.extend(task.start() for task in tasks))
    part("photos", lambda: [(task.bank, task.judges) for task in tasks])
    part("loop", lambda: adapt_together(tasks, engine.rates, steps=steps, starts=starts))
    return found


def inner_step(record: Record, clock: Clock, engine: Engine, *, styles: Sequence[int]) -> None:
    """The parts of one inner step, and its loss with gradients and its judgement as CUDA graphs."""
    for many in styles:
        if record.late():
            record.skipped(f"an inner step of {many} styles")
            continue
        _inner_step(record, clock, engine, many)


def _inner_step(record: Record, clock: Clock, engine: Engine, many: int) -> None:
    examples = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    tasks = [engine.adaptation(examples, seed=i) for i in range(many)]
    phi = stack([task.start() for task in tasks])
    support = _on_device(gathered([task.draw() for task in tasks]), clock.device)
    held_out = _on_device(gathered([task.held_out() for task in tasks]), clock.device)
    weights, names = engine.config.weights, list(phi)

    def losses(values: Sequence[Tensor], renders: Renders) -> Tensor:
        terms, _ = compare_gathered(tasks[0], dict(zip(names, values, strict=True)), renders)
        return terms.total(weights).view(many, -1).mean(1)

    def loss_and_gradients(*tensors: Tensor) -> tuple[Tensor, ...]:
        values = [each.detach().requires_grad_() for each in tensors[: len(names)]]
        with torch.enable_grad():
            loss = losses(values, _renders(support, tensors[len(names) :]))
            gradients = torch.autograd.grad(loss.sum(), values, materialize_grads=True)
        return loss.detach(), *gradients

    def judgement(*tensors: Tensor) -> tuple[Tensor]:
        with torch.no_grad():
            return (losses(tensors[: len(names)], _renders(held_out, tensors[len(names) :])),)

    def compared(name: str, function: Callable[..., Sequence[Tensor]], renders: Renders) -> None:
        inputs = [*phi.values(), *_tensors(renders)]
        row: Row = {"styles": many, "part": name}

        def eager() -> Row:
            return {"eager_milliseconds": 1e3 * clock.events(lambda: function(*inputs)).median}

        def graph() -> Row:
            expected = [each.clone() for each in function(*inputs)]
            again = function(*inputs)
            began = time.perf_counter()
            replay = Replay(function, inputs)
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

    compared("loss and gradients", loss_and_gradients, support)
    compared("judgement", judgement, held_out)

    def update() -> Row:
        rule = Adam(ScheduledRates(engine.rates, 16, 1.0, 0.5), betas=(0.9, 0.99))
        state = rule.init(phi)
        with torch.no_grad():
            took = clock.events(lambda: rule.step(phi, phi, state, 0, batched=True))
        return {"eager_milliseconds": 1e3 * took.median}

    row: Row = {"styles": many, "part": "Adam"}
    record.tried(row, "eager", update)
    record.add(row)


def _difference(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """The largest relative distance of a tensor to what it should be."""
    return max(
        float((a - b).norm() / b.norm().clamp_min(1e-12)) for a, b in zip(found, expected, strict=True)
    )


def _tensors(renders: Renders) -> list[Tensor]:
    targets = renders.targets
    return [
        renders.photos,
        *renders.content.values(),
        *targets.mean.values(),
        *targets.second.values(),
        *targets.scatter.values(),
        *targets.patches.values(),
        targets.colors,
        renders.directions,
    ]


def _renders(like: Renders, tensors: Sequence[Tensor]) -> Renders:
    """The inverse of ``_tensors``."""
    rest = iter(tensors)
    photos = next(rest)
    content = {name: next(rest) for name in like.content}
    mean = {name: next(rest) for name in like.targets.mean}
    second = {name: next(rest) for name in like.targets.second}
    scatter = {name: next(rest) for name in like.targets.scatter}
    patches = {name: next(rest) for name in like.targets.patches}
    targets = StyleStatistics(mean, second, next(rest), scatter, patches)
    return Renders(photos, content, targets, next(rest))


def _on_device(renders: Renders, device: torch.device) -> Renders:
    return _renders(renders, [each.to(device) for each in _tensors(renders)])
