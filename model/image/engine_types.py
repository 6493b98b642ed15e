"""Holds the arguments of one rendering; no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL.Image import Image

from model.image.dials import Dials

if TYPE_CHECKING:  # a process that only passes requests on needs no torch
    from model.image.style import Style


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
