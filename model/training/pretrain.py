"""Phase 1: zero-step pre-training. One work in, its style on any photo out, by the perceptual loss."""

from __future__ import annotations

import random

import torch
from PIL import Image
from torch import Tensor

from model.critic import Critic, critic_inputs, duel
from model.data.folders import StyleFolder, load, scan_photos
from model.networks import Networks, Objective
from model.perceptual.statistics import StyleStatistics, concatenate, each_alone
from model.style_encoder import describe
from model.training.augment import crop, draw_palette, mix, noisy, smooth_crop
from model.training.config import TrainingConfig
from model.training.pools import Choice, PhotoPool, StyleBatch, StylePool
from model.training.prefetch import Prefetch


def style_weights(styles: StyleFolder) -> dict[str, float]:
    """Sampling weight of each group: square root of its size; low-resolution groups count for less.

    Low-resolution groups (``lo_*``) are nine tenths Impressionist and Baroque; single-picture groups
    (``few_*``) are the most varied.
    """
    factor = {name: 0.7 if name.startswith("lo_") else 1.0 for name in styles.groups}
    return {name: factor[name] * len(works) ** 0.5 for name, works in styles.groups.items()}


class Pretraining:
    """Draws batches from pools and computes the loss."""

    def __init__(
        self,
        config: TrainingConfig,
        objective: Objective,
        rng: random.Random,
        *,
        critic: Critic | None = None,
    ) -> None:
        self.config, self.objective, self.rng, self.critic = config, objective, rng, critic
        styles = StyleFolder.scan(config.styles, split="train")
        photos = scan_photos(config.contents, split="train")
        weights = style_weights(styles)
        names, odds = list(weights), list(weights.values())

        def draw_style(rng: random.Random) -> Image.Image:
            group = rng.choices(names, odds)[0]
            work = load(rng.choice(styles.groups[group]))
            palette = draw_palette(rng, config.palette_share)
            jitter = aspect_jitter(group)
            return crop(work, config.size, rng, low=config.crop_low, jitter=jitter, palette=palette)

        def draw_photo(rng: random.Random) -> Image.Image:
            photo = load(rng.choice(photos))
            if rng.random() < config.smooth_share:
                return smooth_crop(photo, config.size, rng, high=config.crop_low)
            return crop(photo, config.size, rng, low=config.crop_low)

        self.draws = [Prefetch(draw, rng, workers=config.workers) for draw in (draw_photo, draw_style)]
        self.photos = PhotoPool(self.draws[0], objective, config.photos_in_pool, rng)
        self.styles = StylePool(self.draws[1], objective, config.styles_in_pool, rng, maps=config.critic > 0)
        self.steps = 0
        self.chosen_photos = Choice(config.batch, objective.device)
        self.chosen_styles = Choice(config.batch, objective.device)

    def fill(self) -> None:
        """Fill the pools up."""
        while (missing := self.config.photos_in_pool - len(self.photos)) > 0:
            self.photos.refresh(min(16, missing))
        while (missing := self.config.styles_in_pool - len(self.styles)) > 0:
            self.styles.refresh(min(16, missing))

    def close(self) -> None:
        """End the threads that crop ahead."""
        for draw in self.draws:
            draw.close()

    @torch.no_grad()
    def calibrate(self, networks: Networks | None, works: int = 256) -> None:
        """Measure the input normalisations of the encoder and of the critic on that many works."""
        found: list[StyleStatistics] = []
        while sum(len(f) for f in found) < works:
            self.styles.refresh(16)
            found.append(self.styles.batch(16).statistics)
        if networks is not None:
            descriptions = torch.cat([describe(part) for part in found])
            networks.encoder.center.copy_(descriptions.mean(0))
            networks.encoder.scale.copy_(descriptions.std(0).clamp_min(0.05))
        if self.critic is not None:
            self.critic.calibrate(concatenate(found))

    def prepare(self) -> str | None:
        """Refresh the pools and choose a batch; what the host does for a step. The key of its graph."""
        c = self.config
        if self.steps % c.refresh_every == 0:
            self.photos.refresh(c.refresh_every * c.fresh_photos)
            self.styles.refresh(c.refresh_every * c.fresh_styles)
        self.steps += 1
        self.chosen_photos.write(self.photos.ring.choose(c.batch))
        self.chosen_styles.write(self.styles.ring.choose(c.batch))
        return "pretrain" if self.critic is None else None

    def loss(self, networks: Networks) -> dict[str, Tensor]:
        """Render the chosen batch, and return the terms; ``total`` is what to minimise."""
        c = self.config
        photos = self.photos.at(self.chosen_photos.index)
        drawn = self._mixed(self.styles.at(self.chosen_styles.index))
        identity = torch.rand(c.batch, device=self.objective.device) < c.identity_share
        styles = _replace(drawn.statistics, photos.own, identity)
        if c.uncertain_works:
            styles = each_alone(styles)
        with self.objective.autocast():
            embedding = networks.encoder.embedding(styles)
            renders = networks(noisy(photos.images, c.noise), networks.encoder.decode(embedding))
        terms, features = self.objective.compare(renders, styles, photos.content)
        same = (renders - photos.images).abs().mean((1, 2, 3)) * identity
        total = terms.total(c.weights).mean() + c.identity_weight * same.mean()
        played: dict[str, Tensor] = {}
        if self.critic is not None:
            assert drawn.real is not None
            head = self.critic.head(embedding.float())
            outcome = duel(self.critic, head, critic_inputs(features), drawn.real)
            total = total + (outcome.total(c.critic) * ~identity).mean()  # a photo's own style is no painting
            played = {"critic": outcome.critic.mean(), "generator": outcome.generator.mean()}
        return {
            "moments": terms.moments.mean(),
            "covariance": terms.covariance.mean(),
            "mobile": terms.mobile.mean(),
            "gram": terms.gram.mean(),
            "color": terms.color.mean(),
            "content": terms.content.mean(),
            "smoothness": terms.smoothness.mean(),
            "patches": terms.patches.mean(),
            "identity": same.sum() / identity.sum().clamp_min(1),
            **played,
            "total": total,
        }

    def _mixed(self, works: StyleBatch) -> StyleBatch:
        """A share of the styles as mixtures with their neighbours in the batch."""
        count = len(works.statistics)
        if self.config.mix_share <= 0 or count < 2:
            return works
        device = works.statistics.colors.device
        chosen = torch.rand(count, device=device) < self.config.mix_share
        share = torch.where(chosen, torch.rand(count, device=device), torch.ones(count, device=device))
        neighbour = (torch.arange(count, device=device) + 1) % count
        real = works.real
        if real is not None:  # a patch is painted in one of the two
            own = torch.rand(count, device=device) < share
            real = torch.where(own[:, None, None, None], real, real[neighbour])
        return StyleBatch(mix(works.statistics, works.statistics[neighbour], share), real)


def aspect_jitter(group: str) -> float:
    """How far crops of a group's works are stretched: low-resolution groups were squashed to squares."""
    return 1.33 if group.startswith("lo_") else 1.1


def _replace(styles: StyleStatistics, others: StyleStatistics, mask: Tensor) -> StyleStatistics:
    """``others`` where the mask (B,) says so."""
    each = mask[:, None, None]
    return StyleStatistics(
        {k: torch.where(mask[:, None], others.mean[k], v) for k, v in styles.mean.items()},
        {k: torch.where(each, others.second[k], v) for k, v in styles.second.items()},
        torch.where(each, others.colors, styles.colors),
        patches={k: torch.where(each, others.patches[k], v) for k, v in styles.patches.items()},
    )
