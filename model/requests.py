"""What is asked of the engine when it does many things at once, and what it tells meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL.Image import Image

if TYPE_CHECKING:  # a process that only passes requests on needs no torch
    from model.style import Style


@dataclass(frozen=True)
class Progress:
    """What ``on_progress`` gets at step 0 and after every step; before all of them, the zero-step preview."""

    step: int
    steps: int
    losses: dict[str, float]  # style, content, total: means over held-out photos; {} with the first preview
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
    strength: float = 1.0
    size: int | None = None
    stroke_size: float | None = None
    preserve_color: bool = False
    mask: Image | None = None
    outside: Style | None = None
    feather: float = 0.0
    should_stop: Callable[[], bool] | None = None  # asked between the strips of a large photo
