"""Defines the settings of an adaptation: steps, photos and parts of each level, rates."""

from __future__ import annotations

from dataclasses import dataclass, field

from model.image.dials import Dials
from model.image.pyramid import SIDES


@dataclass(frozen=True)
class LevelConfig:
    """What a level is learned on."""

    photos: int  # drawn in one step
    crop: int  # pixels a side of the part of each photo that is drawn


@dataclass(frozen=True)
class AdaptConfig:
    """Settings of an adaptation."""

    steps: int = 24  # of all levels together, as even as can be
    bank: int = 6  # photos that steps draw from
    held_out: int = 2  # photos that judge
    levels: tuple[LevelConfig, ...] = field(
        default=(LevelConfig(4, 64), LevelConfig(3, 128), LevelConfig(2, 160), LevelConfig(2, 160))
    )
    decay_from: float = 0.5  # fraction of a level's steps after which rates fall linearly to a tenth
    rate_scale: float = 1.0  # of the learned rates
    rate: float | None = None  # one rate for all tensors instead of them, such as 0.02
    dials: Dials = field(default_factory=Dials)  # by which the photos are drawn
    critic: float = 0.0  # weight of the critics' term on the fine levels; needs a checkpoint with critics

    def level_steps(self, total: int) -> list[int]:
        """Inner steps of each level, the fine ones first where they cannot be even."""
        each, rest = divmod(total, len(SIDES))
        return [each + (level >= len(SIDES) - rest) for level in range(len(SIDES))]
