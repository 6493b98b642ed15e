"""Fixed bounds of request values, and the defaults of two that settings can lower.

API, command line, clients and studio all have them from here, from the settings, or from
``model.image.dials``; clients and studio by ``GET /v1/models``.
"""

from typing import Literal

MAX_SEED = 2**31 - 1

MIN_SIZE = 16
"""Longer side of a result that may be asked for, in pixels."""

CLIP_FRAMES = 150
CLIP_SECONDS = 15.0

LabelPlace = Literal["none", "bottom-right", "bottom-left", "top-right", "top-left"]
"""Where in a result the label stands that people see."""
