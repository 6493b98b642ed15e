"""Measures pictures: style on two networks, colors, content, structure, edges, the adaptation's own loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from PIL import Image
from torch import Tensor

from benchmarks.evaluation import metrics, pixels
from benchmarks.evaluation.columns import DISTANCES
from benchmarks.evaluation.descriptors import Described, Scale, describe
from benchmarks.evaluation.gallery import Gallery, Side, nearest
from benchmarks.evaluation.loss_network import CONTENT_LAYER, LossNetwork
from benchmarks.evaluation.objective import ObjectiveMeter, ObjectiveTarget
from benchmarks.evaluation.second_network import LAST, STYLE_LAYERS, SecondNetwork
from benchmarks.evaluation.selection import to_tensor


@dataclass(frozen=True)
class Values:
    """Figures of one row on one artist: ``photos[column]`` one a photo, ``whole[column]`` of all results."""

    photos: dict[str, list[float]]
    whole: dict[str, float]


@dataclass(frozen=True)
class PictureStyle:
    """Style statistics of one picture; matrices (C, C), quantiles (P, Q)."""

    vgg: dict[str, Tensor]
    eff: dict[str, Tensor]
    shallow: dict[str, Tensor]
    color: Tensor
    described: Described
    saturation: float
    contrast: float


@dataclass(frozen=True)
class Target:
    """The mean style of a set of works of one artist; each work counts the same, whatever its size."""

    artist: str
    vgg: dict[str, Tensor]
    eff: dict[str, Tensor]
    shallow: dict[str, Tensor]
    color: Tensor
    patches: tuple[Tensor, ...]  # of each work, standardized (N, D)
    saturation: float
    contrast: float
    centers: Mapping[str, Tensor]  # of all artists of the gallery

    @classmethod
    def of(
        cls, artist: str, works: Sequence[PictureStyle], scale: Scale, centers: Mapping[str, Tensor]
    ) -> "Target":
        """The mean of at least one work."""
        return cls(
            artist,
            {layer: torch.stack([work.vgg[layer] for work in works]).mean(0) for layer in works[0].vgg},
            {layer: torch.stack([work.eff[layer] for work in works]).mean(0) for layer in works[0].eff},
            {
                layer: metrics.pooled_quantiles([work.shallow[layer] for work in works])
                for layer in works[0].shallow
            },
            metrics.pooled_quantiles([work.color for work in works]),
            tuple(scale.standardize(work.described.patches) for work in works),
            fmean(work.saturation for work in works),
            fmean(work.contrast for work in works),
            centers,
        )


@dataclass(frozen=True)
class PhotoFeatures:
    """What content, structure and edges are compared with, of all photos together."""

    pictures: Tensor  # (B, 3, H, W)
    content: Tensor  # (B, C, H/4, W/4)
    structure: Tensor  # (B, C, H/32, W/32)


class Meter:
    """Both judges, loaded once, on one device."""

    def __init__(
        self, loss_network: LossNetwork, second: SecondNetwork, objective: ObjectiveMeter, gallery: Gallery
    ) -> None:
        self._vgg, self._eff, self._objective, self._gallery = loss_network, second, objective, gallery
        self._color_directions = metrics.random_directions()
        self._device = objective.device

    def works(self, works: Sequence[Image.Image]) -> list[PictureStyle]:
        """Style statistics of works of any sizes."""
        return [style for work in works for style in self._styles(to_tensor(work)[None].to(self._device))[0]]

    def target(self, artist: str, works: Sequence[PictureStyle], side: Side) -> Target:
        """What results are compared with: the examples of K = ``len(works)``, or the unseen works."""
        return Target.of(artist, works, self._gallery.scale, self._gallery.centers(side, len(works)))

    def objective_target(self, examples: Sequence[Image.Image]) -> ObjectiveTarget:
        """What the adaptation's own loss compares with."""
        return self._objective.target(examples)

    def photos(self, photos: Sequence[Image.Image]) -> PhotoFeatures:
        """Features of photos, all of one size."""
        pictures = torch.stack([to_tensor(photo) for photo in photos]).to(self._device)
        parts = torch.split(pictures, 1)
        return PhotoFeatures(
            pictures,
            torch.cat([self._vgg.style_features(part)[CONTENT_LAYER] for part in parts]),
            torch.cat([self._eff.features(part, layers=(LAST,))[LAST] for part in parts]),
        )

    def measure(
        self,
        results: Sequence[Image.Image],
        photos: PhotoFeatures,
        targets: Mapping[Side, Target],
        objective: ObjectiveTarget,
    ) -> Values:
        """Every column for the results of the first ``len(results)`` photos, in the photos' order and size.

        Raises:
            ValueError: no results, more than photos, or another size.
        """
        height, width = photos.pictures.shape[2:]
        if not 0 < len(results) <= len(photos.pictures) or {r.size for r in results} != {(width, height)}:
            raise ValueError(
                f"{len(results)} results of {sorted({r.size for r in results})} for "
                f"{len(photos.pictures)} photos of {(width, height)}"
            )
        count = len(results)
        pictures = torch.stack([to_tensor(result) for result in results]).to(self._device)
        # on a GPU all results at once; on a CPU batches gain nothing and cost memory
        chunk = count if self._device.type == "cuda" else 1
        styles: list[PictureStyle] = []
        content, structure = [], []
        for first, part in zip(range(0, count, chunk), torch.split(pictures, chunk), strict=True):
            found, vgg_content, last = self._styles(part)
            styles += found
            own = slice(first, first + len(part))
            content.append(metrics.relative_content_distance(vgg_content, photos.content[own]))
            structure.append(metrics.structure_distance(last, photos.structure[own]))
        columns = {
            "content": torch.cat(content).tolist(),
            "structure": torch.cat(structure).tolist(),
            "edges": pixels.edge_correlation(pictures, photos.pictures[:count]).tolist(),
            "objective": self._objective.measure(pictures, photos.pictures[:count], objective),
            "saturation": [style.saturation / max(targets["examples"].saturation, 1e-3) for style in styles],
            "contrast": [style.contrast / max(targets["examples"].contrast, 1e-3) for style in styles],
        }
        whole: dict[str, float] = {}
        for side, target in targets.items():
            for name, values in self._distances(styles, target).items():
                columns[f"{name}_{side}"] = values
            if (mmd := self._mmd(styles, target)) is not None:
                whole[f"mmd_{side}"] = mmd
        return Values(columns, whole)

    def real_works(
        self, pool: Sequence[PictureStyle], unseen: Sequence[PictureStyle], targets: Mapping[Side, Target]
    ) -> Values:
        """How far works of one artist are from each other: unseen ones from the examples, and back.

        Columns that compare with a photo have no meaning here and are absent; the values "a photo" are one
        a work, so the columns to examples and to unseen works differ in length.
        """
        columns: dict[str, list[float]] = {}
        whole: dict[str, float] = {}
        sides: list[tuple[Side, Sequence[PictureStyle]]] = [("examples", unseen), ("unseen", pool)]
        for side, works in sides:
            target = targets[side]
            columns |= {f"{name}_{side}": v for name, v in self._distances(works, target).items()}
            if (mmd := self._mmd(works, target)) is not None:
                whole[f"mmd_{side}"] = mmd
        return Values(columns, whole)

    def _distances(self, styles: Sequence[PictureStyle], target: Target) -> dict[str, list[float]]:
        rows = [
            (
                metrics.relative_gram_distance(style.vgg, target.vgg),
                metrics.relative_gram_distance(style.eff, target.eff),
                fmean(
                    metrics.sliced_wasserstein(style.shallow[layer], target.shallow[layer])
                    for layer in target.shallow
                ),
                metrics.sliced_wasserstein(style.color, target.color),
            )
            for style in styles
        ]
        columns = {name: [row[i] for row in rows] for i, name in enumerate(DISTANCES)}
        found = [nearest(style.described, target.centers, self._gallery.scale) for style in styles]
        return columns | {"top1": [float(name == target.artist) for name in found]}

    def _mmd(self, styles: Sequence[PictureStyle], target: Target) -> float | None:
        patches = [self._gallery.scale.standardize(style.described.patches) for style in styles]
        return metrics.polynomial_mmd(patches, target.patches)

    def _styles(self, pictures: Tensor) -> tuple[list[PictureStyle], Tensor, Tensor]:
        """Statistics of (B, 3, H, W) pictures, their content features and their last features."""
        vgg = self._vgg.style_features(pictures)
        eff = self._eff.features(pictures)
        last = eff.pop(LAST)
        described = describe({layer: eff[layer] for layer in STYLE_LAYERS})
        vgg_grams, eff_grams = ({k: v.cpu() for k, v in metrics.grams(f).items()} for f in (vgg, eff))
        scale = self._gallery.scale.shallow
        shallow = {layer: (eff[layer].cpu() - mean) / spread for layer, (mean, spread) in scale.items()}
        directions = {layer: metrics.random_directions(x.shape[1]) for layer, x in shallow.items()}
        colors = pictures.cpu()
        saturation, contrast = pixels.saturation(colors).tolist(), pixels.contrast(colors).tolist()
        styles = [
            PictureStyle(
                {layer: grams[i] for layer, grams in vgg_grams.items()},
                {layer: grams[i] for layer, grams in eff_grams.items()},
                {layer: metrics.projected_quantiles(x[i], directions[layer]) for layer, x in shallow.items()},
                metrics.projected_quantiles(colors[i], self._color_directions),
                described[i],
                saturation[i],
                contrast[i],
            )
            for i in range(len(pictures))
        ]
        return styles, vgg[CONTENT_LAYER], last
