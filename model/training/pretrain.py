"""Phase 1: zero-step pre-training. One work in, its style on any photo out, by the perceptual loss."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from model.data.folders import StyleFolder, load, random_crop, scan_photos
from model.networks import Networks, Objective
from model.perceptual.statistics import StyleStatistics
from model.style_encoder import describe
from model.training.config import TrainingConfig
from model.training.pools import PhotoPool, StylePool


def style_weights(styles: StyleFolder) -> dict[str, float]:
    """Sampling weight of each group: square root of its size; low-resolution groups count for less.

    Low-resolution groups (``lo_*``) are nine tenths Impressionist and Baroque; single-picture groups
    (``few_*``) are the most varied.
    """
    factor = {name: 0.7 if name.startswith("lo_") else 1.0 for name in styles.groups}
    return {name: factor[name] * len(works) ** 0.5 for name, works in styles.groups.items()}


class Pretraining:
    """Draws batches from pools and computes the loss."""

    def __init__(self, config: TrainingConfig, objective: Objective, rng: random.Random) -> None:
        self.config, self.objective, self.rng = config, objective, rng
        styles = StyleFolder.scan(config.styles, split="train")
        photos = scan_photos(config.contents, split="train")
        weights = style_weights(styles)
        names, odds = list(weights), list(weights.values())

        def draw_style() -> object:
            group = rng.choices(names, odds)[0]
            work = load(rng.choice(styles.groups[group]))
            return random_crop(
                work, config.size, rng, low=0.4, jitter=1.33 if group.startswith("lo_") else 1.1
            )

        def draw_photo() -> object:
            return random_crop(load(rng.choice(photos)), config.size, rng, low=0.4)

        self.photos = PhotoPool(draw_photo, objective, config.photos_in_pool, rng)  # type: ignore[arg-type]
        self.styles = StylePool(draw_style, objective, config.styles_in_pool, rng)  # type: ignore[arg-type]

    def fill(self) -> None:
        """Fill the pools up."""
        while len(self.photos.entries) < self.config.photos_in_pool:
            self.photos.refresh(16)
        while len(self.styles.entries) < self.config.styles_in_pool:
            self.styles.refresh(16)

    @torch.no_grad()
    def calibrate(self, networks: Networks, works: int = 256) -> None:
        """Measure the encoder's input normalisation on that many works."""
        found: list[Tensor] = []
        while sum(len(f) for f in found) < works:
            self.styles.refresh(16)
            found.append(describe(self.styles.batch(16)))
        descriptions = torch.cat(found)
        networks.encoder.center.copy_(descriptions.mean(0))
        networks.encoder.scale.copy_(descriptions.std(0).clamp_min(0.05))

    def loss(self, networks: Networks) -> dict[str, Tensor]:
        """Refresh the pools, render a batch, and return the terms; ``total`` is what to minimise."""
        c = self.config
        self.photos.refresh(c.fresh_photos)
        self.styles.refresh(c.fresh_styles)
        photos, styles = self.photos.batch(c.batch), self.styles.batch(c.batch)
        identity = torch.rand(c.batch, device=self.objective.device) < c.identity_share
        styles = _replace(styles, photos.own, identity)
        with self.objective.autocast():
            phi = networks.encoder.decode(networks.encoder.embedding(styles))
            renders = networks(photos.images, phi)
        terms = self.objective.terms(renders, styles, photos.content)
        same = (renders - photos.images).abs().mean((1, 2, 3)) * identity
        total = terms.total(c.weights).mean() + c.identity_weight * same.mean()
        return {
            "moments": terms.moments.mean(),
            "covariance": terms.covariance.mean(),
            "color": terms.color.mean(),
            "content": terms.content.mean(),
            "smoothness": terms.smoothness.mean(),
            "identity": same.sum() / identity.sum().clamp_min(1),
            "total": total,
        }


def _replace(styles: StyleStatistics, others: StyleStatistics, mask: Tensor) -> StyleStatistics:
    """``others`` where the mask (B,) says so."""
    return StyleStatistics(
        {k: torch.where(mask[:, None], others.mean[k], v) for k, v in styles.mean.items()},
        {k: torch.where(mask[:, None, None], others.second[k], v) for k, v in styles.second.items()},
        torch.where(mask[:, None, None], others.colors, styles.colors),
    )
