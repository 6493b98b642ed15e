"""Finds how many processors this process may use, and sets how long its threads wait for each other.

Imports no torch: OpenMP reads its environment when torch loads it.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

# Of a pause instruction each, by estimate half a millisecond; libgomp's own 300,000 are 15 ms (decision 63).
SPINS = 10_000

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


def wait_briefly() -> None:
    """Let a thread that has done its share of a parallel region sleep soon, unless the environment says else.

    While it spins it holds a processor that the one it waits for may need, because another program has taken
    that one's. To be called before torch is imported.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


def available() -> int:
    """Processors that this process can keep busy: those it may run on, at most its control groups' quota.

    The quota is that of containers (``docker run --cpus``, Kubernetes' limits), rounded up; control groups of
    both versions are read.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min(filter(None, map(_limit, _groups())), default=None)
    return count if quota is None else max(1, min(count, math.ceil(quota)))


def _groups() -> list[Path]:
    """This process's control groups that share out processors, and those above them, up to the root."""
    try:
        lines = [line.split(":", 2) for line in _OWN_GROUP.read_text().splitlines()]
    except OSError:
        return []
    found = []
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has no name before its path, version 1 a folder for each controller. A container may see
        # its host's path, and its own group as the root: what is not there is passed over.
        root = _CONTROL_GROUPS / controllers
        own = root / path.strip("/")
        found += [own, *own.parents[: len(own.parts) - len(root.parts)]]
    return found


def _limit(group: Path) -> float | None:
    """Processors that a group may use; None: no limit, or no group."""
    try:
        if (group / "cpu.max").is_file():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if quota != "max" and int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
