"""The inner loop on pictures: K examples and some photos -> phi.

The support set is the examples, rendered on photos; every step draws other photos, and compares the renders
with all examples pooled: moments add up, so the pooled ones hold what varies between the examples too.
Held-out photos judge every other step, and the best phi is kept: an adaptation never ends above its start.

phi is per sample, so many adaptations go through one inner loop: ``model.adaptation_loop``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor

from model.adaptation_loop import Adapted, Judgement, Renders, adapt_together, judge_together
from model.chroma import limit_chroma
from model.critic import Critic, Opponent
from model.data.folders import random_crop, to_tensor
from model.errors import AdaptationCanceled, CheckpointMissingError
from model.maml import LearningRates, Params
from model.networks import Networks, Objective
from model.perceptual.losses import LossWeights, color_directions
from model.perceptual.statistics import StyleStatistics, color_samples, concatenate, pool
from model.phi import expand

GLANCES, GLANCE_SIDE = 8, 96  # photos, and their pixels a side, whose renders tell how colourful a style is


@dataclass(frozen=True)
class AdaptConfig:
    """Settings of an adaptation."""

    steps: int = 16
    photos: int = 3  # renders in one step
    singles: int = 0  # of them compared with one example each, not with all pooled (decision 59)
    size: int = 160  # pixels a side of the photos
    bank: int = 12  # photo crops that steps draw from
    held_out: int = 2  # photo crops that judge
    judge_every: int = 2  # steps between judgements (decision 41); the first and last phi are judged too
    example_side: int = 256  # short side of the examples, pixels
    decay_from: float = 0.5  # fraction of the steps after which rates fall linearly to a tenth
    rate_scale: float = 2.0  # of the learned rates, which were learned with all of phi moving
    rate: float | None = None  # one rate for all tensors instead of them, such as 0.03 (decision 81)
    weights: LossWeights = field(  # decisions 74, 76, 79 and 82
        default_factory=lambda: LossWeights(
            covariance=2.0, mobile=10.0, gram=24.0, content=22.0, patches=30.0
        )
    )
    critic: float = 0.0  # weight of the critic's term; needs a checkpoint that was trained with one
    # Patterns of the tensors of phi to update; None: all (an engine: what its checkpoint says).
    adapt: tuple[str, ...] | None = None


OnStep = Callable[[int, dict[str, Tensor], Judgement], None]


@dataclass(frozen=True)
class Photos:
    """Photos and what their renders are compared with."""

    pixels: Tensor  # (B, 3, H, W)
    content: dict[str, Tensor]  # features by layer, (B, C, h, w)


class PhotoMemory:
    """Photos with their features, by what cut them: the latest ``most`` (at most 30 MB each, at 160 px).

    For photos that are the same in every adaptation. What is remembered is what would be computed.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[tuple[int, ...], Photos] = {}

    def get(self, key: tuple[int, ...], look: Callable[[], Photos]) -> Photos:
        """What ``look`` gives or gave for the key."""
        photos = self._found.pop(key, None) or look()
        self._found[key] = photos
        while len(self._found) > self._most:
            del self._found[next(iter(self._found))]
        return photos


class Adaptation:
    """One adaptation: the support set, and the photos with everything computed that stays the same.

    The photos' features are computed when they are first needed: ``start``, which needs none, comes before.
    """

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
        bank_memory: PhotoMemory | None = None,
        judges_memory: PhotoMemory | None = None,
        glances: Tensor | None = None,
    ) -> None:
        """``bank_memory``, ``judges_memory``: of adaptations with the same photos and held-out photos.

        ``glances``: (N, 3, S, S) photos whose renders tell how colourful a style is; default: of ``photos``.
        """
        self.networks, self.objective = networks, objective
        self.config = c = config or AdaptConfig()
        if c.critic > 0 and critic is None:
            raise CheckpointMissingError(
                "the inner loop is asked for a critic's term, and the checkpoint holds no critic: train one "
                "with `fewstroke meta-train --critic 0.1`, or set AdaptConfig.critic to 0"
            )
        self.opponent = Opponent(critic, c.critic, seed) if critic is not None and c.critic > 0 else None
        self.seed, self._bank_memory, self._judges_memory = seed, bank_memory, judges_memory
        self.generator = torch.Generator().manual_seed(seed)
        self.directions = torch.Generator().manual_seed(seed)
        self.works = concatenate([self._observe(to_tensor([fit(e, c.example_side)])) for e in examples])
        self.pooled = pool(self.works)
        self._given, self._held_out = list(photos), list(held_out or photos)[-c.held_out :]
        self._glances = glance_at(photos).to(objective.device) if glances is None else glances

    @cached_property
    def bank(self) -> Photos:
        """Crops for the steps, of the photos in turn, so that a short list is cropped more often."""
        given, c, rng = self._given, self.config, random.Random(self.seed)

        def look() -> Photos:
            return self._photos(
                [random_crop(given[i % len(given)], c.size, rng, low=0.5) for i in range(c.bank)]
            )

        return (
            look() if self._bank_memory is None else self._bank_memory.get((self.seed, c.size, c.bank), look)
        )

    @cached_property
    def judges(self) -> Photos:
        """Crops that judge every step."""
        side = self.config.size

        def look() -> Photos:
            return self._photos([random_crop(p, side, random.Random(1), low=0.999) for p in self._held_out])

        return (
            look()
            if self._judges_memory is None
            else self._judges_memory.get((side, len(self._held_out)), look)
        )

    def _photos(self, crops: list[Image.Image]) -> Photos:
        pixels = to_tensor(crops).to(self.objective.device)
        return Photos(pixels, self.objective.content_targets(pixels))

    def start(self) -> dict[str, Tensor]:
        """phi_0: the zero-step style, no more colourful than the examples (``model.chroma``)."""
        with torch.no_grad(), self.objective.autocast():
            phi = {k: v.float() for k, v in self.networks.encoder(self.works).items()}
            renders = self.networks(self._glances, expand(phi, len(self._glances))).float()
        # On the CPU: eigenvectors of 2 x 2 matrices are no work for a GPU, whose library takes long to load.
        known = phi["color"], color_samples(renders), self.works.colors
        phi["color"] = limit_chroma(*(each.detach().float().cpu() for each in known)).to(renders.device)
        return {name: value.detach().clone() for name, value in phi.items()}

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

        def visit(_task: int, step: int, phi: dict[str, Tensor], judged: Judgement) -> None:
            if on_step is not None:
                on_step(step, phi, judged)

        (outcome,) = adapt_together(
            [self],
            rates,
            steps=steps,
            starts=None if start is None else [start],
            on_step=visit,
            should_stop=None if should_stop is None else lambda _task: should_stop(),
        )
        if isinstance(outcome, AdaptationCanceled):
            raise outcome
        return outcome

    def judge(self, params: Params, target: StyleStatistics | None = None) -> Judgement:
        """Held-out photos against all examples pooled, or against another ``target`` (batch 1)."""
        return judge_together([self], params, [self.held_out(target)])[0]

    def held_out(self, target: StyleStatistics | None = None) -> Renders:
        """What judges a step; along the same directions every time, so that steps can be compared."""
        pixels, content = self.judges.pixels, self.judges.content
        targets = _repeat(self.pooled if target is None else target, len(pixels))
        return Renders(pixels, content, targets, color_directions(torch.Generator().manual_seed(0)))

    def draw(self) -> Renders:
        """The support of the next step."""
        c = self.config
        chosen = torch.randperm(c.bank, generator=self.generator)[: c.photos]
        singles = torch.randint(
            len(self.works), (min(c.singles, c.photos),), generator=self.generator
        ).tolist()
        targets = concatenate(
            [_repeat(self.pooled, c.photos - len(singles)), *(self.works[i : i + 1] for i in singles)]
        )
        # not v[chosen], which loses the memory format
        content = {k: torch.cat([v[i : i + 1] for i in chosen]) for k, v in self.bank.content.items()}
        return Renders(self.bank.pixels[chosen], content, targets, color_directions(self.directions))

    def _observe(self, work: Tensor) -> StyleStatistics:
        """Statistics of one example; its feature maps are large, and only a critic keeps a part of them."""
        found, features = self.objective.observe(work.to(self.objective.device))
        if self.opponent is not None:
            self.opponent.watch(features)
        return found

    def critic_head(self) -> dict[str, Tensor]:
        """The critic's per-style head before adaptation; nothing without a critic."""
        if self.opponent is None:
            return {}
        with torch.no_grad(), self.objective.autocast():
            embedding = self.networks.encoder.together(self.works)
        return self.opponent.head(embedding)


def glance_at(photos: Sequence[Image.Image]) -> Tensor:
    """The first few photos, small and square: (N, 3, S, S)."""
    return to_tensor([random_crop(p, GLANCE_SIDE, random.Random(0), low=0.999) for p in photos[:GLANCES]])


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


def _repeat(statistics: StyleStatistics, count: int) -> StyleStatistics:
    return statistics[[0] * count]


class fixed_directions:  # noqa: N801 - a context manager, named as one
    """Random directions that are the same at every call, so that judgements of steps can be compared."""

    def __enter__(self) -> None:
        self.state = torch.get_rng_state()
        torch.manual_seed(0)

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self.state)
