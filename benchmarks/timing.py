"""Times, memory and made-up pictures: what every measurement shares. Needs no command-line package."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

EXAMPLE_SIZES = ((1024, 768), (768, 1024), (1024, 1024), (900, 700), (640, 480))
WARM_UPS = 3


@dataclass(frozen=True)
class Times:
    """Seconds of repeated calls: wall-clock, and CPU time over all threads, which others disturb less."""

    median: float
    fastest: float
    slowest: float
    cpu_median: float
    count: int


def resident_peak_mib() -> float:
    """Peak resident memory of this process since its start, in MiB (Linux: ``VmHWM``).

    ``ru_maxrss`` would do elsewhere, but on Linux it begins at the parent's peak.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mib() -> float:
    """Resident memory of this process now, in MiB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def synthetic_picture(width: int, height: int, *, seed: int) -> Image.Image:
    """Smooth colored noise at several scales: work of a fixed size that needs no data."""
    rng = np.random.default_rng(seed)
    page = np.zeros((height, width, 3), dtype=np.float32)
    for cells in (3, 12, 48):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        page += np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 3
    return Image.fromarray(page.clip(0, 255).astype(np.uint8))


def timed(call: Callable[[], object], count: int, *, warm_ups: int = WARM_UPS) -> Times:
    """Repeat ``call`` after ``warm_ups`` calls that are not counted."""
    for _ in range(warm_ups):
        call()
    seconds, cpu_seconds = [], []
    for _ in range(count):
        started, cpu_started = time.perf_counter(), time.process_time()
        call()
        cpu_seconds.append(time.process_time() - cpu_started)
        seconds.append(time.perf_counter() - started)
    median = statistics.median(seconds)
    return Times(median, min(seconds), max(seconds), statistics.median(cpu_seconds), count)
