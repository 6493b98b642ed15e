"""Measures results of a method on one artist: style on two networks, colors, content, structure."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from benchmarks import metrics
from benchmarks.loss_network import CONTENT_LAYER, LossNetwork
from benchmarks.second_network import LAST, SecondNetwork
from benchmarks.selection import to_tensor

# column -> what it is; distances, so lower is closer
COLUMNS = {
    "vgg_examples": "relative Gram distance to the mean of the examples, VGG16 (the loss network)",
    "vgg_unseen": "the same to the mean of unseen works of the artist",
    "content": "relative squared distance to the photo at relu3_3, VGG16",
    "eff_examples": "relative Gram distance to the examples, EfficientNet-Lite0 (no loss uses it)",
    "eff_unseen": "the same to unseen works",
    "structure": "1 - cosine of EfficientNet-Lite0's last features to the photo's",
    "color_examples": "sliced 2-Wasserstein distance of colors to the examples, 0..1",
    "color_unseen": "the same to unseen works",
}


@dataclass(frozen=True)
class Style:
    """Style statistics of N pictures: ``vgg``, ``eff`` ``{layer: (N, C, C)}``, ``colors`` N times (P, Q)."""

    vgg: dict[str, Tensor]
    eff: dict[str, Tensor]
    colors: tuple[Tensor, ...]

    def distances(self, target: "Target") -> dict[str, float]:
        """Mean over the pictures of the distances ``vgg``, ``eff`` and ``color`` to ``target``."""
        colors = [metrics.sliced_wasserstein(quantiles, target.colors) for quantiles in self.colors]
        return {
            "vgg": float(metrics.relative_gram_distance(self.vgg, target.vgg).mean()),
            "eff": float(metrics.relative_gram_distance(self.eff, target.eff).mean()),
            "color": sum(colors) / len(colors),
        }


@dataclass(frozen=True)
class Target:
    """The mean style of a set of works: ``{layer: (C, C)}`` on both networks, pooled color quantiles."""

    vgg: dict[str, Tensor]
    eff: dict[str, Tensor]
    colors: Tensor

    @classmethod
    def mean_of(cls, works: Style) -> "Target":
        """Each work counts the same, whatever its size."""
        return cls(
            metrics.mean_statistic(works.vgg),
            metrics.mean_statistic(works.eff),
            metrics.pooled_quantiles(works.colors),
        )


@dataclass(frozen=True)
class PhotoFeatures:
    """What content and structure are compared with: one ``(1, C, H, W)`` a photo."""

    content: tuple[Tensor, ...]
    structure: tuple[Tensor, ...]
    side: tuple[int, int]  # of the photos, (width, height) in pixels


class Meter:
    """Both judges, loaded once. Pictures go through one at a time: batches gain nothing on a CPU."""

    def __init__(self) -> None:
        self._vgg = LossNetwork()
        self._eff = SecondNetwork()
        self._projections = metrics.color_projections()

    def style(self, works: Sequence[Image.Image]) -> Style:
        """Style statistics of works of any sizes."""
        return _stacked([self._style_of(to_tensor(work)) for work in works])

    def photos(self, photos: Sequence[Image.Image]) -> PhotoFeatures:
        """Features of photos, all of one size."""
        tensors = [to_tensor(photo)[None] for photo in photos]
        return PhotoFeatures(
            tuple(self._vgg.style_features(t)[CONTENT_LAYER] for t in tensors),
            tuple(self._eff.features(t, layers=(LAST,))[LAST] for t in tensors),
            photos[0].size,
        )

    def measure(
        self, results: Sequence[Image.Image], photos: PhotoFeatures, examples: Target, unseen: Target
    ) -> dict[str, float]:
        """Mean over photos of every column of ``COLUMNS``.

        Args:
            results: one picture a photo, in the photos' order and size.

        Raises:
            ValueError: another number or size of results than of photos.
        """
        sizes = {result.size for result in results}
        if len(results) != len(photos.content) or sizes != {photos.side}:
            raise ValueError(f"{len(results)} results of {sizes} for photos of {photos.side}")
        styles, content, structure = [], 0.0, 0.0
        for result, photo_content, photo_structure in zip(
            results, photos.content, photos.structure, strict=True
        ):
            picture = to_tensor(result)
            vgg = self._vgg.style_features(picture[None])
            eff = self._eff.features(picture[None])
            last = eff.pop(LAST)
            colors = metrics.color_quantiles(picture, self._projections)
            styles.append(Style(metrics.grams(vgg), metrics.grams(eff), (colors,)))
            content += float(metrics.relative_content_distance(vgg[CONTENT_LAYER], photo_content))
            structure += float(metrics.structure_distance(last, photo_structure))
        style = _stacked(styles)
        return {
            **_columns(style.distances(examples), style.distances(unseen)),
            "content": content / len(results),
            "structure": structure / len(results),
        }

    def _style_of(self, picture: Tensor) -> Style:
        return Style(
            metrics.grams(self._vgg.style_features(picture[None])),
            metrics.grams(self._eff.style_features(picture[None])),
            (metrics.color_quantiles(picture, self._projections),),
        )


def real_works(examples: Style, unseen: Style) -> dict[str, float]:
    """How far works of one artist are from each other: unseen ones from the mean of the examples, and back.

    Columns of content and structure have no meaning here and are absent.
    """
    return _columns(unseen.distances(Target.mean_of(examples)), examples.distances(Target.mean_of(unseen)))


def _columns(to_examples: dict[str, float], to_unseen: dict[str, float]) -> dict[str, float]:
    return {f"{name}_examples": value for name, value in to_examples.items()} | {
        f"{name}_unseen": value for name, value in to_unseen.items()
    }


def _stacked(styles: Sequence[Style]) -> Style:
    return Style(
        {layer: torch.cat([style.vgg[layer] for style in styles]) for layer in styles[0].vgg},
        {layer: torch.cat([style.eff[layer] for style in styles]) for layer in styles[0].eff},
        tuple(colors for style in styles for colors in style.colors),
    )
