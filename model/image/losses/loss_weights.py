"""Sets the weights of the terms of each level's loss."""

from __future__ import annotations

from dataclasses import dataclass

from model.image.losses.distances import LossWeights

STYLE_WEIGHTS = LossWeights(covariance=2.0, mobile=10.0, gram=24.0, patches=15.0)


@dataclass(frozen=True)
class LevelWeights:
    """Weights of a level's terms; that of the committed distance is 1."""

    local: float  # means and spreads in windows of a few strokes, against those of what was chosen there
    statistics: float  # style statistics of the whole picture, against all examples


LEVEL_WEIGHTS = (
    LevelWeights(local=0.6, statistics=0.0),
    LevelWeights(local=0.6, statistics=0.0),
    LevelWeights(local=0.7, statistics=0.03),
    LevelWeights(local=1.0, statistics=0.05),
)
