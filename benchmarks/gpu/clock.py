"""Times on a device: CUDA events where there are any, a wall clock elsewhere."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from benchmarks.timing import resident_peak_mib


@dataclass(frozen=True)
class Took:
    """Seconds of repeated calls."""

    median: float
    fastest: float
    count: int


class Clock:
    """Measures on one device."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.cuda = device, device.type == "cuda"

    def synchronize(self) -> None:
        """Wait for everything that was launched."""
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def events(
        self, call: Callable[[], object], *, seconds: float = 0.4, least: int = 3, warm_ups: int = 2
    ) -> Took:
        """From the first kernel to the last of each call, calls launched without waiting between them."""
        count = self._count(call, seconds, least, warm_ups)
        if not self.cuda:
            return self.wall(call, count=count)

        def mark() -> torch.cuda.Event:
            return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

        marks = [(mark(), mark()) for _ in range(count)]
        for begin, end in marks:
            begin.record()
            call()
            end.record()
        self.synchronize()
        return _took([begin.elapsed_time(end) / 1000 for begin, end in marks])

    def wall(self, call: Callable[[], object], *, count: int) -> Took:
        """From call to result, waiting for the device each time."""
        found = []
        for _ in range(count):
            self.synchronize()
            began = time.perf_counter()
            call()
            self.synchronize()
            found.append(time.perf_counter() - began)
        return _took(found)

    def calls(
        self, call: Callable[[], object], *, seconds: float = 0.4, least: int = 3, warm_ups: int = 1
    ) -> Took:
        """``wall``, as often as fits into ``seconds``."""
        return self.wall(call, count=self._count(call, seconds, least, warm_ups))

    def forget_peak(self) -> None:
        """Begin a new measurement of memory."""
        if self.cuda:
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak_mib(self) -> float:
        """The most that torch had allocated since ``forget_peak``; on the CPU the process's peak ever."""
        if self.cuda:
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        return resident_peak_mib()

    def _count(self, call: Callable[[], object], seconds: float, least: int, warm_ups: int) -> int:
        for _ in range(warm_ups):
            call()
        once = self.wall(call, count=1).median
        return max(least, min(100, round(seconds / max(once, 1e-6))))


def _took(seconds: list[float]) -> Took:
    return Took(median(seconds), min(seconds), len(seconds))
