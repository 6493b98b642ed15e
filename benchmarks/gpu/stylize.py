"""Renderings: the network alone as it is called, tuned and as a CUDA graph; and photos in to photos out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor

from benchmarks.bench.pictures import photo
from benchmarks.bench.roofline import Work
from benchmarks.gpu.ceilings import Ceilings
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.cuda_graph import Replay
from benchmarks.gpu.record import Record, Row
from model.image.engine import Engine
from model.image.engine_types import Rendering
from model.image.network.style_params import at_level, expand
from model.image.pyramid import SIDES
from model.image.style import Style

_WIDEST = 48  # channels at full resolution in one map; kernels count in 32 bits
_RECORDED_PIXELS = 2**25  # passes up to here are recorded as CUDA graphs too
_SERVED = {1: 2048, 8: 1024, 32: 512}  # batch: the largest side that is taken from pictures to pictures


def measure(
    record: Record,
    clock: Clock,
    engine: Engine,
    style: Style,
    ceilings: Ceilings,
    work: Work,
    *,
    sizes: Sequence[int],
    batches: Sequence[int],
) -> None:
    """A row for every size and batch, batches of one first; cuDNN tries its algorithms at the first size.

    ``work``: of a pixel.
    """
    phi = {k: v.to(clock.device) for k, v in at_level(style.phi, len(SIDES) - 1).items()}
    for batch in batches:
        for side in sizes:
            if record.late():
                record.skipped(f"stylize {side} px, batch {batch}")
                continue
            row = _row(record, clock, engine, style, phi, ceilings, work, side, batch, tune=side == sizes[0])
            record.add(row)


def _row(
    record: Record,
    clock: Clock,
    engine: Engine,
    style: Style,
    phi: dict[str, Tensor],
    ceilings: Ceilings,
    work: Work,
    side: int,
    batch: int,
    *,
    tune: bool,
) -> Row:
    pixels = side * side
    together = batch  # photos of one pass
    while together > 1 and together * pixels * _WIDEST >= 2**31:
        together //= 2
    row: Row = {"side": side, "batch": batch, "photos_of_a_pass": together}
    row["flop_milliseconds"] = 1e3 * work.flop * pixels / (ceilings.gemm * 1e9)
    row["byte_milliseconds"] = 1e3 * work.bytes * pixels / (ceilings.copy * 1e9)
    names = list(phi)

    def forward(photos: Tensor, *values: Tensor) -> tuple[Tensor]:
        with torch.no_grad(), engine.objective.autocast():
            return (engine.base.networks(photos, dict(zip(names, values, strict=True))),)

    def variant(name: str, call: Callable[[], object]) -> Row:
        took = clock.events(lambda: [call() for _ in range(batch // together)], seconds=0.2)
        seconds = took.median / batch
        return {
            f"{name}_milliseconds": 1e3 * seconds,
            f"{name}_pictures_a_second": 1 / seconds,
            f"{name}_flop_share": row["flop_milliseconds"] / (1e3 * seconds),
            f"{name}_byte_share": row["byte_milliseconds"] / (1e3 * seconds),
        }

    clock.forget_peak()
    many = list(expand(phi, together).values())

    def eager() -> Row:
        photos = torch.rand(together, 3, side, side, device=clock.device)
        found = variant("eager", lambda: forward(photos, *many))
        return found | {"peak_mib": clock.peak_mib()}

    def tuned() -> Row:
        photos = torch.rand(together, 3, side, side, device=clock.device)
        return variant("tuned", lambda: forward(photos, *many))

    def graph() -> Row:
        photos = torch.rand(together, 3, side, side, device=clock.device)
        (expected,) = forward(photos, *many)
        began = time.perf_counter()
        replay = Replay(forward, [torch.rand_like(photos), *many])
        clock.synchronize()
        capture = time.perf_counter() - began
        difference = (replay(photos, *many)[0] - expected).abs().max().item()
        found = variant("graph", lambda: replay(photos, *many))
        return found | {"graph_capture_seconds": capture, "graph_difference": difference}

    def served() -> Row:
        shown = [photo(side, i) for i in range(min(batch, 4))]
        wanted = [Rendering(shown[i % len(shown)], style) for i in range(batch)]
        took = clock.calls(lambda: engine.stylize_many(wanted), seconds=0.3, least=3)
        seconds = took.median / batch
        return {"served_milliseconds": 1e3 * seconds, "served_pictures_a_second": 1 / seconds}

    record.tried(row, "eager", eager)
    if clock.cuda and together * pixels <= _RECORDED_PIXELS:
        record.tried(row, "graph", graph)
    if tune:
        torch.backends.cudnn.benchmark = True
        try:
            record.tried(row, "tuned", tuned)
        finally:
            torch.backends.cudnn.benchmark = False
    if side <= _SERVED.get(batch, 0):
        record.tried(row, "served", served)
    return row


def large(record: Record, clock: Clock, engine: Engine, style: Style, *, sizes: Sequence[int]) -> None:
    """Large photos, picture to picture: drawn on 512 pixels, and enlarged by the processor."""
    for side in sizes:
        if record.late():
            record.skipped(f"{side} px")
            continue
        picture = photo(side, 0)

        def one(picture: Image.Image = picture) -> Row:
            clock.forget_peak()
            took = clock.calls(lambda: engine.stylize(picture, style), seconds=0.5, least=2)
            return {"milliseconds": 1e3 * took.median, "peak_mib": clock.peak_mib()}

        row: Row = {"side": side}
        record.tried(row, "call", one)
        record.add(row)
