"""The queue's lanes (priority classes), and what a job costs.

A lane is a queue of its own with a priority: what somebody waits for goes before what runs overnight.
"""

from collections.abc import Mapping
from typing import Any

from app.jobs.job import JobKind

BULK = "bulk"
BATCH = JobKind.BATCH.value  # after all others, however long it has waited
_INTERACTIVE_CONTENTS = 4  # a stylization of more contents is a batch
_INTERACTIVE_COST = 16.0  # so is one that takes longer: a photo of 26 megapixels
_USUAL_PIXELS = 1280 * 1280  # of one rendering, which is the unit of costs
_LEAST_COST = 0.1  # of a thumbnail

# Costs, in the time of one rendering: an adaptation's step takes about as long as three and a half of them
# (`fewstroke bench`: 24 steps 16.9 s, a rendering 0.2 s on two cores).
_STEP = 3.5
_DEFAULT_STEPS = 24
_WHILE_ABOUT_IT = 1.0  # reading and storing


def lane_of(kind: JobKind, params: Mapping[str, Any]) -> str:
    """Where a job waits: with its kind, or among the batches."""
    contents = len(params.get("contents", ()))
    if kind is JobKind.STYLIZE and (
        contents > _INTERACTIVE_CONTENTS or params.get("clips") or _rendering(params) > _INTERACTIVE_COST
    ):
        return BULK
    return kind.value


def cost_of(kind: JobKind, params: Mapping[str, Any]) -> float:
    """What a job takes from the others, in renderings; rough, but neither a batch nor a poster is taken for
    a picture. Jobs of other modalities say it themselves."""
    if "cost" in params:
        return _WHILE_ABOUT_IT + float(params["cost"])
    cost = _WHILE_ABOUT_IT + _rendering(params)
    if kind is not JobKind.STYLIZE:
        steps = params.get("steps")
        cost += _STEP * (_DEFAULT_STEPS if steps is None else steps)
    return cost


def _rendering(params: Mapping[str, Any]) -> float:
    """By pixels, frames, and the sides of a mask that are painted."""
    contents: list[str] = list(params.get("contents", ()))
    pixels: Mapping[str, int] = params.get("pixels") or {}
    frames: Mapping[str, int] = params.get("clips") or {}
    sides = 2 if params.get("outside_style_id") else 1
    return sides * sum(
        max(_LEAST_COST, pixels.get(content, _USUAL_PIXELS) / _USUAL_PIXELS) * frames.get(content, 1)
        for content in contents
    )
