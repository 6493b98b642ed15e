"""What the processes of a service need over time, from /proc, and how long its queue is."""

import asyncio
import math
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, mean
from typing import Any

import psutil

EVERY = 2.0  # s
_SETTLED = 1 / 2  # of the run; slopes are those of the rest
_BINS = 15  # of a table over time, at most


@dataclass
class Series:
    """One process."""

    seconds: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)  # MiB
    handles: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # s, user and system, since its start
    pids: set[int] = field(default_factory=set)

    def cores(self) -> float:
        """Mean of those used; not a number when the process was started again."""
        if len(self.pids) > 1 or len(self.seconds) < 2:
            return float("nan")
        return (self.cpu[-1] - self.cpu[0]) / (self.seconds[-1] - self.seconds[0])

    def figures(self) -> dict[str, Any]:
        """Start, peak, end, slope (a minute, of the last half) and course; ``cores``: mean of those used."""
        return {
            "rss_mib": summary(self.seconds, self.rss),
            "handles": summary(self.seconds, self.handles),
            "threads": summary(self.seconds, self.threads),
            "cores": round(self.cores(), 2),
            "restarts": len(self.pids) - 1,
            "course": {
                "rss_mib": course(self.seconds, self.rss),
                "handles": course(self.seconds, self.handles),
            },
        }


def cores_of_others(watch: "Watch") -> float:
    """Cores that processes of somebody else took on the average: a figure is good when this is about 0."""
    ours = sum(series.cores() for series in watch.series.values())
    return round((1 - mean(watch.idle) / 100) * (psutil.cpu_count() or 1) - ours, 2)


def summary(seconds: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """Start, peak, end, and the slope a minute of the last half (least squares)."""
    first = next(
        n for n, second in enumerate(seconds) if second >= seconds[0] + _SETTLED * (seconds[-1] - seconds[0])
    )
    later = seconds[first:]
    slope = linear_regression(later, values[first:]).slope * 60 if len(later) > 1 else 0.0
    return {
        "start": round(values[0], 1),
        "peak": round(max(values), 1),
        "end": round(values[-1], 1),
        "slope_per_minute": round(slope, 2),
    }


def course(seconds: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """Minute (from the start, as a key of JSON) -> mean over the minutes since the key before; at most 15."""
    minutes = [(second - seconds[0]) / 60 for second in seconds]
    width = max(1, math.ceil(minutes[-1] / _BINS))
    bins: dict[int, list[float]] = {}
    for minute, value in zip(minutes, values, strict=True):
        bins.setdefault(int(minute // width) + 1, []).append(value)
    return {str(key * width): round(mean(found), 1) for key, found in bins.items()}


class Watch:
    """Samples until it is canceled. ``data_dir``: where the service's SQLite database is."""

    def __init__(self, pid: int, clients: int, data_dir: Path) -> None:
        self._supervisor = psutil.Process(pid)
        self._clients = psutil.Process(clients)
        self._database = data_dir / "fewstroke.db"
        self.series: dict[str, Series] = {}
        self.active: list[int] = []  # unfinished jobs
        self.idle: list[float] = []  # share of the machine's processor time

    async def run(self) -> None:
        """A sample every two seconds."""
        psutil.cpu_times_percent()
        while True:
            await asyncio.sleep(EVERY)
            await asyncio.to_thread(self.sample)

    def sample(self) -> None:
        """Look once."""
        now = time.monotonic()
        self.idle.append(psutil.cpu_times_percent().idle)
        with suppress(sqlite3.OperationalError):
            self.active.append(count_active(self._database))
        for name, process in [
            ("clients", self._clients),
            ("supervisor", self._supervisor),
            *self._children(),
        ]:
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                series = self.series.setdefault(name, Series())
                with process.oneshot():
                    times = process.cpu_times()
                    rss, threads = process.memory_info().rss, process.num_threads()
                handles = process.num_fds()
                series.seconds.append(now)
                series.rss.append(rss / 2**20)
                series.handles.append(handles)
                series.threads.append(threads)
                series.cpu.append(times.user + times.system)
                series.pids.add(process.pid)

    def _children(self) -> list[tuple[str, psutil.Process]]:
        found = []
        for child in self._supervisor.children():
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                line = " ".join(child.cmdline())
                name = "broker" if "nats-server" in line else "api" if "app.cli api" in line else "worker"
                found.append((name, child))
                if name == "api":
                    found += [("decoder", grandchild) for grandchild in child.children()]
        return found


def count_active(database: Path) -> int:
    """Jobs that are not over, in the database itself."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1)
    try:
        query = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running', 'canceling')"
        return int(connection.execute(query).fetchone()[0])
    finally:
        connection.close()
