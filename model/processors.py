"""Processors: how many this process may use, and how long its threads wait for each other.

Imports no torch: OpenMP reads its environment when torch loads it.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

# Of a pause instruction each, about half a millisecond; libgomp's own 300,000 are 15 ms (decision 78).
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

    The quota of containers (``docker run --cpus``, Kubernetes' limits) is read from control groups of version
    2 and rounded up.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota()
    return count if quota is None else max(1, min(count, math.ceil(quota)))


def _quota() -> float | None:
    """Processors that this process's control group and those above it may use together; None: no limit."""
    try:
        paths = [line[3:] for line in _OWN_GROUP.read_text().splitlines() if line.startswith("0::")]
    except OSError:
        return None
    own = _CONTROL_GROUPS / (paths[0].strip("/") if paths else "")
    # A container may see its host's path, and its own group as the root: what is not there is passed over.
    groups = [own, *own.parents[: len(own.parts) - len(_CONTROL_GROUPS.parts)]]
    limits = [limit for limit in map(_limit, groups) if limit is not None]
    return min(limits, default=None)


def _limit(group: Path) -> float | None:
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None
