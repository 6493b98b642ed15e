"""Defines what can be set for a rendering without learning again; importable without torch.

The bounds and defaults are those of the API, the command line, the clients and the studio alike.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_STRENGTH = 1.5
DEFAULT_ABSTRACTION = 0.3
LEAST_STROKE_SIZE, MOST_STROKE_SIZE = 0.25, 4.0
DETAIL_TAKEN = (0.0, 0.3, 0.5, 0.7)  # of the photo's own detail at each level, at an abstraction of 1
LEVELS = len(DETAIL_TAKEN)  # at which a picture is drawn, and for each of which a style has a sample
STRUCTURE_UNTIL = 1.0  # abstraction at which light and dark are not set right any more
SHAPES_FROM = 0.2  # abstraction from which the coarsest level is drawn in full


@dataclass(frozen=True)
class Dials:
    """How a photo is drawn.

    ``strength``: 0 is the photo itself, 1 the style, up to 1.5 more of it. ``abstraction``: 0 keeps the
    photo's own detail, 1 draws large shapes. ``stroke_size``: relative to the picture; 1 is as the style was
    learned.
    """

    strength: float = 1.0
    abstraction: float = DEFAULT_ABSTRACTION
    stroke_size: float = 1.0

    def detail(self, level: int) -> float:
        """The share of the photo's own detail that comes back at a level."""
        return 1.0 - self.abstraction * DETAIL_TAKEN[level]

    @property
    def structure(self) -> float:
        """How far light and dark of a level are set right by the photo before the next one."""
        return max(0.0, 1.0 - self.abstraction / STRUCTURE_UNTIL)

    @property
    def flatness(self) -> float:
        """How far a photo is flattened for a style of simple shapes."""
        return min(1.0, self.strength) * min(1.0, self.abstraction / DEFAULT_ABSTRACTION)

    def share(self, level: int) -> float:
        """How much of a level's drawing counts, the rest being the photo."""
        drawn = min(1.0, self.strength)
        return drawn if level > 0 else drawn * min(1.0, self.abstraction / SHAPES_FROM)
