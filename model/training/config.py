"""Settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from model.perceptual.losses import LossWeights


@dataclass(frozen=True)
class TrainingConfig:
    """Everything a run depends on besides the data; times are minutes of training, not of waiting."""

    styles: Path
    contents: Path
    out: Path
    teacher: Path | None = None  # targets of scripts/teacher_targets.py, for the warm start
    device: str = "auto"
    seed: int = 0
    distill_minutes: float = 0.0  # phase 0: copy the teacher (needs ``teacher``)
    pretrain_minutes: float = 60.0  # phase 1: zero-step style, perceptual loss
    meta_minutes: float = 30.0  # phase 2: MAML over phi
    size: int = 128  # pixels a side of training crops
    meta_size: int = 128
    batch: int = 8
    meta_batch: int = 4  # styles in one batched inner loop
    lr: float = 1e-3
    meta_lr: float = 3e-4
    meta_steps: int = 4  # inner steps in training
    inner_lr: float = 0.02  # where the learned inner rates start (Adam's units: change of a number in a step)
    rates_lr: float = 0.02  # outer rate of the logarithms of the inner rates
    tasks_in_pool: int = 24
    photos_in_pool: int = 64
    styles_in_pool: int = 128
    fresh_photos: int = 2  # replaced at each step
    fresh_styles: int = 2
    identity_share: float = 0.125  # samples whose style is the photo's own: the target is the photo
    identity_weight: float = 20.0
    weights: LossWeights = field(default_factory=LossWeights)
    checkpoint_seconds: float = 60.0
    sample_seconds: float = 300.0  # a contact sheet of the validation split
    validation_styles: int = 8  # held-out styles to adapt to at the end
