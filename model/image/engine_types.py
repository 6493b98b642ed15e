"""Holds the arguments of one adaptation and one rendering, and the reports meanwhile; no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL.Image import Image

from model.image.dials import Dials

if TYPE_CHECKING:  # a process that only passes requests on needs no torch
    from model.image.style import Style


@dataclass(frozen=True)
class Progress:
    """What ``on_progress`` gets at step 0 and after every step.

    Before all of them come the previews of the zero-step style, one a level, coarse to fine, without losses.
    """

    step: int
    steps: int
    losses: dict[
        str, float
    ]  # total: of the zero-step style's, on held-out photos; {} with the first previews
    preview: Image | None


@dataclass(frozen=True)
class Learning:
    """One of many adaptations: the arguments of ``Engine.adapt`` that may differ."""

    examples: Sequence[Image]
    contents: Sequence[Image] = ()
    seed: int = 0
    preview: Image | None = None
    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None


@dataclass(frozen=True)
class Rendering:
    """One of many stylizations: the arguments of ``Engine.stylize``."""

    photo: Image
    style: Style
    dials: Dials = field(default_factory=Dials)
    size: int | None = None
    preserve_color: bool = False
    mask: Image | None = None
    outside: Style | None = None
    feather: float = 0.0
