"""Settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from model.maml import AlgorithmName
from model.perceptual.losses import LossWeights
from model.style_encoder import EncoderConfig
from model.stylizer import StylizerConfig


@dataclass(frozen=True)
class TrainingConfig:
    """Everything a run depends on besides the data; times are minutes of training, not of waiting."""

    styles: Path
    contents: Path
    out: Path
    teacher: Path | None = None  # targets of scripts/teacher_targets.py, for the warm start
    start: Path | None = None  # a base checkpoint to begin from, shape of the network included
    rank: int | None = None  # of the low-rank branches; with ``start`` it may be larger than the checkpoint's
    stylizer: StylizerConfig = field(default_factory=StylizerConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    device: str = "auto"
    seed: int = 0
    distill_minutes: float = 0.0  # phase 0: copy the teacher (needs ``teacher``)
    pretrain_minutes: float = 60.0  # phase 1: zero-step style, perceptual loss
    meta_minutes: float = 30.0  # phase 2: MAML over phi
    size: int = 128  # pixels a side of training crops
    meta_size: int = 128
    batch: int = 8
    meta_batch: int = 4  # styles in one batched inner loop
    second_order_batch: int | None = None  # the same in a campaign's second-order stage; None: ``meta_batch``
    lr: float = 1e-3
    meta_lr: float = 3e-4
    algorithm: AlgorithmName = "maml++"
    meta_photos: int = 1  # rendered for each style in an inner step
    meta_steps: int = 4  # inner steps in training
    zero_step_weight: float | None = 0.3  # query loss: this much after no step, the rest after the last;
    # None: at the steps that the algorithm prescribes
    second_order_from: float = 2.0  # maml++: share of meta-training with first order; above 1: all of it
    continued_minutes: float = 0.0  # phase 3: long inner loops, continued over outer steps
    continued_steps: int = 8  # inner steps of a task in phase 3
    continued_batch: int = 3  # tasks of an outer step in phase 3, beside ``batch`` samples of phase 1
    continued_in_flight: int = 96  # tasks under way in phase 3: few would be learned by heart
    continued_lr: float = 2e-4
    continued_scale: float = 1.0  # of the inner rates: one photo a step bears less than a served step's three
    continued_discount: float = 0.5  # of the start's pull, a step
    query_holds_support: bool = True  # the query's target is all works of a task, not the unseen ones only
    support_weight: float = 0.5  # what phase 3's support losses count for the networks
    adapt: tuple[str, ...] | None = None  # patterns of the tensors of phi that the inner loop moves
    inner_lr: float = 0.02  # where the learned inner rates start (Adam's units: change of a number in a step)
    rates_lr: float = 0.02  # outer rate of the logarithms of the inner rates
    tasks_in_pool: int = 24
    least_works: int = 2  # groups with fewer are no tasks
    shots: tuple[int, int] = (1, 8)  # K of a task, drawn evenly, as far as one work is left for the query
    query_works: int = 3  # at most so many of the others are the query: few make its target a matter of luck
    photos_in_pool: int = 64
    styles_in_pool: int = 128
    fresh_photos: int = 2  # replaced at each step
    fresh_styles: int = 2
    fresh_tasks: int = 1
    refresh_every: int = 1  # steps between replacements, of so many times as many
    record_steps: bool = True  # as CUDA graphs, where there is a GPU
    workers: int = 0  # threads that crop ahead; 0: crops are made when they are needed
    crop_low: float = 0.3  # smallest crop, as a share of the short side
    smooth_share: float = 0.0  # photos cut smaller still, and blurred: as smooth as parts of large ones are
    noise: float = 0.0  # phase 1: largest standard deviation of noise on photos (0..1), for the network alone
    palette_share: float = 0.3  # styles with another palette (the same for all works of a style)
    mix_share: float = 0.1  # styles that are a mixture of two
    uncertain_works: bool = False  # phase 1: a work's Gram matrices count as in adaptations to one example
    identity_share: float = 0.125  # samples whose style is the photo's own: the target is the photo
    identity_weight: float = 20.0
    weights: LossWeights = field(default_factory=LossWeights)
    critic: float = 0.0  # weight of the critic's term in every loss; 0: no critic
    critic_lr: float = 1e-3
    checkpoint_seconds: float = 60.0
    sample_seconds: float = 300.0  # a contact sheet of the validation split
    validation_styles: int = 8  # held-out styles to adapt to at the end
