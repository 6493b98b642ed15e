"""The two trained networks as one module, and the objective they are judged by."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.perceptual.losses import (
    LAYERS,
    LossTerms,
    both_gram_distance,
    color_distance,
    content_distance,
    content_features,
    covariance_distance,
    mobile_distance,
    moment_distance,
    total_variation,
)
from model.perceptual.network import PerceptualNetwork
from model.perceptual.patches import patch_distance
from model.perceptual.statistics import CONTENT_LAYERS, STYLE_LAYERS, StyleStatistics, statistics
from model.phi import Phi
from model.style_encoder import EncoderConfig, StyleEncoder
from model.stylizer import Stylizer, StylizerConfig


class Networks(nn.Module):
    """Stylizer and style encoder: what a checkpoint holds."""

    def __init__(self, stylizer: StylizerConfig | None = None, encoder: EncoderConfig | None = None) -> None:
        super().__init__()
        self.stylizer = Stylizer(stylizer)
        self.encoder = StyleEncoder(self.stylizer, encoder)

    def forward(self, photos: Tensor, phi: Phi) -> Tensor:
        """Render (B, 3, H, W) photos under B styles."""
        rendered: Tensor = self.stylizer(photos, phi)
        return rendered


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

    @torch.no_grad()
    def photo_targets(self, photos: Tensor) -> tuple[dict[str, Tensor], StyleStatistics]:
        """(B, 3, H, W) photos -> the features that content is compared with, and their own statistics."""
        with self.autocast():
            features = self.network(photos, LAYERS)
            return content_features(features), statistics(features, photos, patches=self.patches)

    @torch.no_grad()
    def content_targets(self, photos: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) photos -> the features that content is compared with."""
        with self.autocast():
            return content_features(self.network(photos, CONTENT_LAYERS))

    def terms(self, renders: Tensor, style: StyleStatistics, content: dict[str, Tensor]) -> LossTerms:
        """Distances of B renders to B styles and B photos; differentiable in the renders."""
        return self.compare(renders, style, content)[0]

    def compare(
        self,
        renders: Tensor,
        style: StyleStatistics,
        content: dict[str, Tensor],
        directions: Tensor | None = None,
    ) -> tuple[LossTerms, dict[str, Tensor]]:
        """``terms``, and the renders' feature maps for who needs them too (the critic).

        ``directions``: see ``color_distance``.
        """
        with self.autocast():
            features = self.network(renders, LAYERS)
            known = bool(style.patches)
            own = statistics(features, renders, patches=known)
            patches = patch_distance(own.patches, style.patches) if known else renders.new_zeros(len(renders))
        terms = LossTerms(
            moments=moment_distance(own, style),
            covariance=covariance_distance(own, style),
            mobile=mobile_distance(own, style),
            gram=both_gram_distance(own, style),
            color=color_distance(own, style, directions),
            content=content_distance(features, content),
            smoothness=total_variation(renders),
            patches=patches,
        )
        return terms, features
