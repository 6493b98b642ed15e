"""Lanes of the queue, and what a job costs.

A lane is a queue of its own with a priority: what somebody waits for goes before what runs overnight.
"""

from collections.abc import Mapping
from typing import Any

from app.jobs.model import JobKind

BULK = "bulk"
_INTERACTIVE_CONTENTS = 4  # a stylization of more contents is a batch

# Costs, in the time of one rendering: an adaptation's step takes about as long as three and a half of them
# (benchmarks/results: 24 steps 16.9 s, a rendering 0.2 s on two cores).
_STEP = 3.5
_DEFAULT_STEPS = 16
_WHILE_ABOUT_IT = 1.0  # reading and storing


def lane_of(kind: JobKind, params: Mapping[str, Any]) -> str:
    """Where a job waits: with its kind, or among the batches."""
    contents = len(params.get("contents", ()))
    if kind is JobKind.STYLIZE and (contents > _INTERACTIVE_CONTENTS or params.get("clips")):
        return BULK
    return kind.value


def cost_of(kind: JobKind, params: Mapping[str, Any]) -> float:
    """What a job takes from the others, in renderings; rough, but a batch is not taken for a picture."""
    frames: Mapping[str, int] = params.get("clips") or {}
    cost = _WHILE_ABOUT_IT + len(params.get("contents", ())) + sum(frames.values())
    if kind is not JobKind.STYLIZE:
        steps = params.get("steps")
        cost += _STEP * (_DEFAULT_STEPS if steps is None else steps)
    return cost
