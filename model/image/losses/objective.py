"""Measures distances of style on the perceptual networks."""

from __future__ import annotations

import torch
from torch import Tensor

from model.image.losses.distances import (
    LossTerms,
    both_gram_distance,
    color_distance,
    covariance_distance,
    mobile_distance,
    moment_distance,
)
from model.image.losses.patches import patch_distance
from model.image.losses.perceptual_network import PerceptualNetwork
from model.image.losses.statistics import STYLE_LAYERS, StyleStatistics, statistics


class Objective:
    """The perceptual networks with the distances on them, under autocast to bf16 where that is faster.

    bf16 products accumulate in float32; statistics and distances are float32. ``patches``: keep samples of
    single places too, for the term that compares with them.
    """

    def __init__(self, network: PerceptualNetwork, *, amp: bool = True, patches: bool = True) -> None:
        self.network = network
        self.amp = amp
        self.patches = patches

    @property
    def device(self) -> torch.device:
        return self.network.device

    def autocast(self) -> torch.autocast:
        """The context that renders and features are computed in."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp)

    @torch.no_grad()
    def style_statistics(self, works: Tensor) -> StyleStatistics:
        """(K, 3, H, W) works -> their statistics, batch K."""
        return self.observe(works)[0]

    @torch.no_grad()
    def observe(self, works: Tensor) -> tuple[StyleStatistics, dict[str, Tensor]]:
        """(K, 3, H, W) works -> their statistics, batch K, and the feature maps that they are of."""
        with self.autocast():
            features = self.network(works, STYLE_LAYERS)
            return statistics(features, works, patches=self.patches), features

    def distances(
        self, own: StyleStatistics, style: StyleStatistics, directions: Tensor | None = None
    ) -> LossTerms:
        """Distances of B pictures' statistics to B styles. ``directions``: see ``color_distance``."""
        known = bool(style.patches)
        return LossTerms(
            moments=moment_distance(own, style),
            covariance=covariance_distance(own, style),
            mobile=mobile_distance(own, style),
            gram=both_gram_distance(own, style),
            color=color_distance(own, style, directions),
            patches=patch_distance(own.patches, style.patches) if known else own.colors.new_zeros(len(own)),
        )
