"""Judges a trained variant: its own best inner rate on some styles, its figures on others."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from benchmarks.ablation.train import outer_steps
from benchmarks.ablation.variants import Variant
from benchmarks.evaluation import metrics
from benchmarks.evaluation.loss_network import CONTENT_LAYER, LossNetwork
from benchmarks.evaluation.second_network import SecondNetwork
from benchmarks.evaluation.selection import Artist, load_photo, load_work
from benchmarks.evaluation.selection import to_tensor as picture_tensor
from model.adaptation import AdaptConfig, fit
from model.checkpoint import load_base
from model.data.folders import to_tensor
from model.engine import Engine
from model.perceptual.statistics import StyleStatistics, concatenate, pool


@dataclass(frozen=True)
class Judged:
    """A variant's figures."""

    key: str
    outer_steps: int
    scale: float  # of the inner rates, the best of the grid
    grid: dict[str, float]  # scale -> total loss on unseen works of the selection styles
    start: dict[str, list[float]]  # column -> value of each report style, before adaptation
    end: dict[str, list[float]]  # the same after it


@dataclass(frozen=True)
class Protocol:
    """What every variant is put through."""

    selection: list[Artist]  # styles that choose the inner rate
    report: list[Artist]  # styles that give the figures
    photos: list[Path]
    k: int
    steps: int
    scales: Sequence[float]
    size: int = 192  # pixels a side of the photos
    example_side: int = 256

    def describe(self) -> dict[str, object]:
        """For the result file and for the cache."""
        return {
            "selection": [artist.name for artist in self.selection],
            "report": [artist.name for artist in self.report],
            "examples": self.k,
            "photos": [path.name for path in self.photos],
            "steps": self.steps,
            "scales": list(self.scales),
            "size": self.size,
        }


class Judge:
    """Both networks and the photos, loaded once."""

    def __init__(self, protocol: Protocol, device: str) -> None:
        self.protocol, self.device = protocol, torch.device(device)
        self.networks: dict[str, LossNetwork | SecondNetwork] = {"vgg": LossNetwork(), "eff": SecondNetwork()}
        self.photos = [load_photo(path, protocol.size) for path in protocol.photos]
        self.content = [self._features("vgg", photo)[CONTENT_LAYER] for photo in self.photos]

    def judge(self, variant: Variant, checkpoint: Path, config: AdaptConfig) -> Judged:
        """Figures of one variant, kept beside its checkpoint."""
        described = self.protocol.describe() | {"adapt": asdict(config)}
        path = checkpoint.with_name("judged.json")
        if path.is_file():
            kept = json.loads(path.read_text())
            if kept["protocol"] == json.loads(json.dumps(described)):
                return Judged(**kept["judged"])
        base = load_base(checkpoint, self.device)
        config = replace(
            config, adapt=variant.adapt or ("*",), critic=variant.critic, steps=self.protocol.steps
        )
        grid = {}
        for scale in self.protocol.scales:
            engine = Engine(base, self.device, replace(config, rate_scale=scale))
            losses = [self._loss_on_unseen(engine, artist) for artist in self.protocol.selection]
            grid[str(scale)] = sum(losses) / len(losses)
        best = min(grid, key=lambda scale: grid[scale])
        engine = Engine(base, self.device, replace(config, rate_scale=float(best)))
        start: dict[str, list[float]] = {}
        end: dict[str, list[float]] = {}
        for artist in self.protocol.report:
            side = self.protocol.example_side
            examples = [load_work(p, side) for p in artist.examples(self.protocol.k)]
            unseen = [load_work(p, side) for p in artist.unseen]
            targets = {"examples": self._target(examples), "unseen": self._target(unseen)}
            for steps, values in ((0, start), (self.protocol.steps, end)):
                measured = self._measure(engine, examples, targets, steps)
                for column, value in measured.items():
                    values.setdefault(column, []).append(value)
        judged = Judged(variant.key, outer_steps(checkpoint), float(best), grid, start, end)
        path.write_text(json.dumps({"protocol": described, "judged": asdict(judged)}, indent=1))
        return judged

    def _loss_on_unseen(self, engine: Engine, artist: Artist) -> float:
        """Weighted total on unseen works: style there, content on held-out photos."""
        side = engine.config.example_side
        job = engine.adaptation([load_work(path, side) for path in artist.examples(self.protocol.k)])
        phi = job.run(engine.rates).phi
        return job.judge(phi, self._pooled(engine, artist, side)).total

    @staticmethod
    def _pooled(engine: Engine, artist: Artist, side: int) -> StyleStatistics:
        works = [to_tensor([fit(load_work(path, side), side)]) for path in artist.unseen]
        return pool(
            concatenate([engine.objective.style_statistics(work.to(engine.device)) for work in works])
        )

    @torch.no_grad()
    def _features(self, network: str, picture: Image.Image) -> dict[str, Tensor]:
        return self.networks[network].style_features(picture_tensor(picture)[None])

    def _target(self, works: list[Image.Image]) -> dict[str, dict[str, Tensor]]:
        """Mean Gram matrices of works on both networks; each work counts the same."""
        target = {}
        for name in self.networks:
            found = [metrics.grams(self._features(name, work)) for work in works]
            target[name] = {
                layer: torch.stack([grams[layer][0] for grams in found]).mean(0) for layer in found[0]
            }
        return target

    def _measure(
        self,
        engine: Engine,
        examples: list[Image.Image],
        targets: dict[str, dict[str, dict[str, Tensor]]],
        steps: int,
    ) -> dict[str, float]:
        """Means over photos of the distances to both targets on both networks, and of the content's."""
        style = engine.adapt(examples, steps=steps)
        columns: dict[str, float] = {}
        for photo, content in zip(self.photos, self.content, strict=True):
            result = engine.stylize(photo, style)
            values: dict[str, float] = {}
            for name in self.networks:
                features = self._features(name, result)
                grams = {layer: matrices[0] for layer, matrices in metrics.grams(features).items()}
                for side, target in targets.items():
                    values[f"{name}_{side}"] = metrics.relative_gram_distance(grams, target[name])
                if name == "vgg":
                    distance = metrics.relative_content_distance(features[CONTENT_LAYER], content)
                    values["content"] = float(distance)
            for column, value in values.items():
                columns[column] = columns.get(column, 0.0) + value / len(self.photos)
        return columns


def split_artists(artists: list[Artist], selection: int, report: int, seed: int) -> tuple[list[Artist], ...]:
    """Disjoint styles to choose rates on and to report."""
    shuffled = sorted(artists, key=lambda artist: artist.name)
    random.Random(f"{seed}/ablation").shuffle(shuffled)
    return shuffled[:selection], shuffled[selection : selection + report]
