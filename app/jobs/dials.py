"""Read the dials of a job's renderings from its params."""

from collections.abc import Mapping
from typing import Any

from model.image.dials import Dials


def dials_of(params: Mapping[str, Any]) -> Dials:
    """How the job's photos are drawn.

    Jobs of earlier versions have no abstraction, and counted strokes in pixels: they get the default of both.
    """
    strength = params.get("strength")
    strength = 1.0 if strength is None else strength
    if params.get("abstraction") is None:
        return Dials(strength)
    return Dials(strength, params["abstraction"], params["stroke_size"])
