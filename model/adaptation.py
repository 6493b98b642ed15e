"""The inner loop on pictures: K examples and some photos -> phi.

The support set is the examples, rendered on photos; every step draws other photos, and compares half
of the renders with all examples pooled and half with single ones: a style is more than its average.
Held-out photos judge every step, and the best phi is kept: an adaptation never ends above its start.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image
from torch import Tensor

from model.critic import HEAD, Critic, Opponent
from model.data.folders import random_crop, to_tensor
from model.errors import AdaptationCanceled, CheckpointMissingError
from model.maml import Adam, Granularity, InnerStep, LearningRates, Params, Rates, inner_loop
from model.networks import Networks, Objective
from model.perceptual.losses import LossTerms, LossWeights
from model.perceptual.statistics import StyleStatistics, concatenate, pool


@dataclass(frozen=True)
class AdaptConfig:
    """Settings of an adaptation."""

    steps: int = 24
    photos: int = 3  # renders in one step
    size: int = 160  # pixels a side of the photos
    bank: int = 12  # photo crops that steps draw from
    held_out: int = 2  # photo crops that judge
    example_side: int = 256  # short side of the examples, pixels
    decay_from: float = 0.5  # fraction of the steps after which rates fall linearly to a tenth
    rate_scale: float = 2.2  # rates were learned for loops of three steps that end without a decay
    weights: LossWeights = field(default_factory=lambda: LossWeights(covariance=3.5, content=3.4))
    critic: float = 0.0  # weight of the critic's term; needs a checkpoint that was trained with one
    adapt: tuple[str, ...] | None = None  # patterns of the tensors of phi to update; None: all


@dataclass(frozen=True)
class Judgement:
    """Mean loss terms of the held-out renders."""

    style: float
    content: float
    total: float

    def as_dict(self) -> dict[str, float]:
        """Rounded, for events and headers."""
        return {
            "style": round(self.style, 5),
            "content": round(self.content, 5),
            "total": round(self.total, 5),
        }


@dataclass(frozen=True)
class Adapted:
    """The outcome: the best phi, where it was met, and the judgements of the start and of it."""

    phi: dict[str, Tensor]
    step: int
    start: Judgement
    end: Judgement


OnStep = Callable[[int, dict[str, Tensor], Judgement], None]


class Adaptation:
    """One adaptation: the support set and the photos, with everything computed that stays the same."""

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        examples: Sequence[Image.Image],
        photos: Sequence[Image.Image],
        *,
        held_out: Sequence[Image.Image] | None = None,
        config: AdaptConfig | None = None,
        critic: Critic | None = None,
        seed: int = 0,
    ) -> None:
        self.networks, self.objective = networks, objective
        self.config = c = config or AdaptConfig()
        if c.critic > 0 and critic is None:
            raise CheckpointMissingError(
                "the inner loop is asked for a critic's term, and the checkpoint holds no critic: train one "
                "with `fewstroke meta-train --critic 0.1`, or set AdaptConfig.critic to 0"
            )
        self.opponent = Opponent(critic, c.critic, seed) if critic is not None and c.critic > 0 else None
        self.rng = random.Random(seed)
        self.generator = torch.Generator().manual_seed(seed)
        device = objective.device
        self.works = concatenate([self._observe(to_tensor([fit(e, c.example_side)])) for e in examples])
        self.pooled = pool(self.works)
        # Photos in turn, so that a short list is cropped more often.
        crops = [random_crop(photos[i % len(photos)], c.size, self.rng, low=0.5) for i in range(c.bank)]
        self.photos = to_tensor(crops).to(device)
        self.content = objective.content_targets(self.photos)
        judges = list(held_out or photos)[-c.held_out :]
        self.judges = to_tensor([random_crop(p, c.size, random.Random(1), low=0.999) for p in judges]).to(
            device
        )
        self.judges_content = objective.content_targets(self.judges)

    def start(self) -> dict[str, Tensor]:
        """phi_0: the zero-step style."""
        with torch.no_grad(), self.objective.autocast():
            phi = self.networks.encoder(self.works)
        return {name: value.detach().float().clone() for name, value in phi.items()}

    def run(
        self,
        rates: LearningRates,
        *,
        steps: int | None = None,
        start: Params | None = None,
        on_step: OnStep | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Adapted:
        """The inner loop, from ``start`` (default: the zero-step style).

        Raises ``AdaptationCanceled`` when ``should_stop`` answers True between steps.
        """
        judgements: list[Judgement] = []

        def judge(params: Params, step: int) -> Tensor:
            judgements.append(self.judge(params))
            return torch.tensor(judgements[-1].total)

        def visit(at: InnerStep) -> None:
            if on_step is not None:
                on_step(at.step, _phi(at.params), judgements[at.step])
            if should_stop is not None and should_stop():
                raise AdaptationCanceled(f"canceled after {at.step} steps")

        total = self.config.steps if steps is None else steps
        schedule = ScheduledRates(rates, total, self.config.rate_scale, self.config.decay_from)
        rule = Adam(schedule, betas=(0.9, 0.99))
        adapt = self.config.adapt
        result = inner_loop(
            self._support_loss,
            {**(self.start() if start is None else start), **self._critic_head()},
            lambda step: step,
            rule,
            total,
            adapt=adapt if adapt is None or self.opponent is None else (*adapt, *HEAD),
            validate=judge,
            on_step=visit,
        )
        assert result.best is not None
        best = int(result.best.step)
        return Adapted(_phi(result.best.params), best, judgements[0], judgements[best])

    def judge(self, params: Params, target: StyleStatistics | None = None) -> Judgement:
        """Held-out photos against all examples pooled, or against another ``target`` (batch 1)."""
        targets = _repeat(self.pooled if target is None else target, self.judges.shape[0])
        with torch.no_grad(), fixed_directions():
            terms, _ = self._terms(params, self.judges, self.judges_content, targets)
        w = self.config.weights
        return Judgement(
            float(terms.style(w).mean()), float(terms.content.mean()), float(terms.total(w).mean())
        )

    def _support_loss(self, params: Params, step: int) -> Tensor:
        c = self.config
        chosen = torch.randperm(c.bank, generator=self.generator)[: c.photos]
        singles = torch.randint(len(self.works), (c.photos // 2,), generator=self.generator).tolist()
        targets = concatenate(
            [_repeat(self.pooled, c.photos - len(singles)), *(self.works[i : i + 1] for i in singles)]
        )
        # not v[chosen], which loses the memory format
        content = {k: torch.cat([v[i : i + 1] for i in chosen]) for k, v in self.content.items()}
        terms, features = self._terms(params, self.photos[chosen], content, targets)
        loss = terms.total(c.weights).mean()
        return loss if self.opponent is None else loss + self.opponent.loss(params, features).mean()

    def _observe(self, work: Tensor) -> StyleStatistics:
        """Statistics of one example; its feature maps are large, and only a critic keeps a part of them."""
        found, features = self.objective.observe(work.to(self.objective.device))
        if self.opponent is not None:
            self.opponent.watch(features)
        return found

    def _critic_head(self) -> dict[str, Tensor]:
        """The critic's per-style head before adaptation; nothing without a critic."""
        if self.opponent is None:
            return {}
        with torch.no_grad(), self.objective.autocast():
            embedding = self.networks.encoder.together(self.works)
        return self.opponent.head(embedding)

    def _terms(
        self, params: Params, photos: Tensor, content: dict[str, Tensor], targets: StyleStatistics
    ) -> tuple[LossTerms, dict[str, Tensor]]:
        count = photos.shape[0]
        phi = {name: value.expand(count, *value.shape[1:]) for name, value in _phi(params).items()}
        with self.objective.autocast():
            renders = self.networks(photos, phi)
        return self.objective.compare(renders, targets, content)


class ScheduledRates(Rates):
    """Learned rates times ``scale``, falling linearly to a tenth over the last part of a loop.

    The fall begins after ``decay_from`` (0..1) of ``steps``; from 1 on there is none.
    """

    def __init__(self, rates: Rates, steps: int, scale: float, decay_from: float) -> None:
        super().__init__()
        self.inner, self.steps, self.scale, self.decay_from = rates, steps, scale, decay_from

    def forward(self, name: str, step: int) -> Tensor:
        """The rate of tensor ``name`` at ``step``."""
        done = step / max(1, self.steps)
        fall = max(0.0, (done - self.decay_from) / (1 - self.decay_from)) if self.decay_from < 1 else 0.0
        rate: Tensor = self.inner(name, step)
        return rate * self.scale * (1 - 0.9 * fall)


def stored_rates(
    shapes: dict[str, torch.Size], rates: dict[str, Tensor], default: float = 0.02
) -> LearningRates:
    """Inner rates from a checkpoint's (steps,) tensors; ``default`` for what was not meta-trained."""
    if any(rate.ndim > 1 for rate in rates.values()):  # (1, ...): one for each parameter (Meta-SGD)
        result = LearningRates(shapes, default, granularity=Granularity.PARAMETER)
        kept = {f"log_rate_{i}": rates[n][0].log() for i, n in enumerate(shapes) if n in rates}
        result.load_state_dict(result.state_dict() | kept)
        return result
    steps = max((len(v) for v in rates.values()), default=1)
    result = LearningRates(shapes, default, granularity=Granularity.TENSOR_STEP, steps=steps)
    if rates:
        table = torch.stack([rates.get(name, torch.full((steps,), default)).log() for name in shapes])
        result.load_state_dict({"log_rates": table})
    return result


def fit(image: Image.Image, short_side: int, longest: float = 3.0) -> Image.Image:
    """Shrink to a short side, keeping the aspect up to ``longest`` : 1 (the middle of longer ones)."""
    width, height = image.size
    if max(width, height) > longest * min(width, height):
        side = round(longest * min(width, height))
        left, top = max(0, (width - side) // 2), max(0, (height - side) // 2)
        image = image.crop((left, top, min(width, left + side), min(height, top + side)))
    scale = short_side / min(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _phi(params: Params) -> dict[str, Tensor]:
    """The style parameters without the critic's head, which no style keeps."""
    return {name: value for name, value in params.items() if name not in HEAD}


def _repeat(statistics: StyleStatistics, count: int) -> StyleStatistics:
    return statistics[[0] * count]


class fixed_directions:  # noqa: N801 - a context manager, named as one
    """Random directions that are the same at every call, so that judgements of steps can be compared."""

    def __enter__(self) -> None:
        self.state = torch.get_rng_state()
        torch.manual_seed(0)

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self.state)
