"""What the device does at most: products of matrices, convolutions like ours, copies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F

from benchmarks.gpu.clock import Clock
from benchmarks.gpu.record import Record


@dataclass(frozen=True)
class Ceilings:
    """GFLOP/s of bf16 products, GB/s read and written by a copy."""

    gemm: float
    copy: float


def measure(record: Record, clock: Clock, *, scale: int) -> Ceilings:
    """A row for each; ``scale`` divides the sizes, for machines that are no GPU."""
    device = clock.device
    found: dict[str, float] = {}

    def told(name: str, unit: str, work: float, seconds: float, note: str) -> None:
        found[name] = max(found.get(name, 0.0), work / seconds / 1e9)
        record.add(
            {"ceiling": name, "rate": work / seconds / 1e9, "unit": unit, "seconds": seconds, "of": note}
        )

    with torch.no_grad():
        for side in (8192 // scale, 4096 // scale):
            a = torch.randn(side, side, device=device).to(torch.bfloat16)
            b = torch.randn(side, side, device=device).to(torch.bfloat16)
            took = clock.events(partial(torch.matmul, a, b))
            told("gemm, bf16", "GFLOP/s", 2 * side**3, took.fastest, f"{side} x {side} x {side}")
        a, b = a.float(), b.float()
        told("gemm, float32", "GFLOP/s", 2 * side**3, clock.events(partial(torch.matmul, a, b)).fastest, "")
        del a, b
        for channels, batch in ((96, 1), (96, 8), (256, 8)):
            x = torch.randn(batch, channels, 512 // scale, 512 // scale, device=device).to(torch.bfloat16)
            x = x.contiguous(memory_format=torch.channels_last)
            w = torch.randn(channels, channels, 3, 3, device=device).to(torch.bfloat16)
            w = w.contiguous(memory_format=torch.channels_last)
            took = clock.events(partial(F.conv2d, x, w, padding=1))
            work = 2 * 9 * channels * x.numel()
            told(
                f"convolution of {channels} channels, bf16",
                "GFLOP/s",
                work,
                took.fastest,
                str(tuple(x.shape)),
            )
        count = 2**30 // scale**2
        source = torch.zeros(count, dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        told(
            "copy",
            "GB/s",
            2 * count,
            clock.events(lambda: target.copy_(source)).fastest,
            f"{count >> 20} MiB",
        )
        if clock.cuda:
            host = torch.zeros(count // 4, dtype=torch.uint8)
            pinned = host.pin_memory()
            for name, memory in (("pageable", host), ("pinned", pinned)):
                near = target[: len(host)]
                seconds = clock.calls(lambda near=near, memory=memory: near.copy_(memory)).fastest  # type: ignore[misc]
                told(f"host to device, {name}", "GB/s", len(host), seconds, f"{len(host) >> 20} MiB")
            seconds = clock.calls(lambda: pinned.copy_(target[: len(host)])).fastest
            told("device to host, pinned", "GB/s", len(host), seconds, f"{len(host) >> 20} MiB")
    return Ceilings(found["gemm, bf16"], found["copy"])
