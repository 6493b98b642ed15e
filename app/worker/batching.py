"""Choose which waiting jobs are computed together, and how long the first waits for others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.jobs.job import Job, JobKind
from app.jobs.lanes import BULK
from model.modality import IMAGE

GPU_BATCH = 16
"""Jobs of a batch on a GPU when nothing else is configured; a GPU is idle for most of a single one."""


@dataclass(frozen=True)
class BatchPolicy:
    """``most``: jobs of one batch, and pictures of one forward pass; ``wait``: seconds."""

    most: int = 1
    wait: float = 0.0

    @classmethod
    def of(cls, most: int, wait: float, device: str) -> BatchPolicy:
        """``most`` 0: what suits the device."""
        return cls(most or (GPU_BATCH if device.startswith("cuda") else 1), wait)


class BatchAdmission:
    """The jobs that were begun for one batch, and whether one more may join them.

    Only the job whose turn it is may join, so nobody is passed over; it must be of the first one's kind and
    modality and, where there is an inner loop, have as many steps. Jobs with an attempt that ended its worker
    stay alone: should one of them be the reason, it takes nobody along a second time.
    """

    def __init__(self, first: Job, policy: BatchPolicy, default_steps: int) -> None:
        self._first = first
        self._policy = policy
        self._default_steps = default_steps
        self._size = _weight(first.kind, first.params)

    @property
    def open(self) -> bool:
        """Whether there is any use in looking for another one."""
        return self._first.counted == 1 and self._first.lane != BULK and self._size < self._policy.most

    def fits(self, kind: JobKind, modality: str, params: Mapping[str, Any], unharmed: bool) -> bool:
        """Whether a job may join, and if so, count it in."""
        weight = _weight(kind, params)
        alike = (kind, modality) == (self._first.kind, self._first.modality)
        if not unharmed or not alike or self._size + weight > self._policy.most:
            return False
        learns = kind not in (JobKind.STYLIZE, JobKind.GENERATE)
        if learns and self._steps(params) != self._steps(self._first.params):
            return False
        self._size += weight
        return True

    def patience(self, now: datetime) -> float:
        """Seconds until the first job has been kept waiting for as long as it may be: a deadline that runs
        from its creation, so a job that has waited in the queue waits no longer for company."""
        waited = (now - self._first.created_at).total_seconds()
        return min(max(self._policy.wait - waited, 0.0), self._policy.wait)  # clocks of two machines

    def _steps(self, params: Mapping[str, Any]) -> int:
        steps = params.get("steps")
        default = self._default_steps if self._first.modality == IMAGE else -1  # which nobody asks for
        return default if steps is None else int(steps)


def _weight(kind: JobKind, params: Mapping[str, Any]) -> int:
    return max(1, len(params.get("contents", ()))) if kind is JobKind.STYLIZE else 1
