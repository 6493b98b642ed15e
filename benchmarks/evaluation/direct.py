"""The picture itself optimized coarse to fine under matched features: the reference of what is possible.

After Kolkin et al. 2022 (Neural Neighbor Style Transfer): every place of the picture is given one place of
the examples, and the picture is moved until its features are those; a coarse picture begins a finer one.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from benchmarks.evaluation.methods import Case, Family, Rendered, Row, timed_photos
from model.device import prefers_bf16
from model.image.losses.vgg import VGG16Features
from model.image.media.folders import to_image, to_tensor

ITERATIONS = 350
COARSEST = 64  # longer side of the first level, pixels
SHARES = (
    0.35,
    0.28,
    0.23,
    0.14,
)  # of the iterations by level, 64 px first; the last for all finer ones
RATES = (4e-3, 2e-3)  # of Adam: at the first level, and at all others
DETAIL = 0.75  # how much of the photo's own finest octave a level begins with
PULL = 0.02  # weight of the distance beside the angle
TURNS = 4  # the examples are searched in four directions
KEYS = 40_000  # places of the examples that are searched, at most
BANDS = 6
LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3", "relu4_1")


def sides(longest: int) -> list[int]:
    """Longer sides of the levels: doubled from 64 px on, the last one being the photo's own."""
    found, side = [], COARSEST
    while side * 1.5 <= longest:
        found.append(side)
        side *= 2
    return [*found, longest]


def steps_of(level: int, levels: int, iterations: int) -> int:
    """Iterations of one level, at least two: one before the targets are chosen again, and one after."""
    finer = levels - len(SHARES) + 1  # levels that have the last share together
    share = SHARES[level] if level < len(SHARES) - 1 else SHARES[-1] / finer
    return max(2, round(iterations * share))


def bands(picture: Tensor) -> list[Tensor]:
    """A Laplacian pyramid, finest first: ``compose`` puts it together again."""
    parts: list[Tensor] = []
    while min(picture.shape[2:]) >= 8 and len(parts) < BANDS:
        small = F.avg_pool2d(picture, 2)
        parts.append(picture - _enlarged(small, picture))
        picture = small
    return [*parts, picture]


def compose(parts: Sequence[Tensor]) -> Tensor:
    """The picture of a pyramid."""
    picture = parts[-1]
    for band in reversed(parts[:-1]):
        picture = _enlarged(picture, band) + band
    return picture


def _enlarged(picture: Tensor, to: Tensor) -> Tensor:
    return F.interpolate(picture, to.shape[2:], mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class Places:
    """Features of the examples at one size: what places of a picture are matched with."""

    features: Tensor  # (N, C), half precision on processors that multiply it fast
    directions: Tensor  # (N, C): without their mean, of length 1
    mean: Tensor  # (C,)
    spread: Tensor  # mean variance of a channel

    def nearest(self, features: Tensor) -> Tensor:
        """For each of ``(M, C)`` the example's features of the nearest direction, each without its mean."""
        wanted = F.normalize(features - features.mean(0), dim=1).to(self.directions.dtype)
        chosen = [(part @ self.directions.T).argmax(1) for part in torch.split(wanted, 1024)]
        return self.features[torch.cat(chosen)].float()


class Direct:
    """Gradient descent on the pixels, from the photo, one photo at a time."""

    def __init__(self, device: torch.device, *, iterations: int = ITERATIONS) -> None:
        self._device, self._iterations = device, iterations
        network = VGG16Features().to(device)
        self._network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self._half = torch.bfloat16 if prefers_bf16(device) else torch.float32
        self._learned: tuple[Sequence[Image.Image], dict[int, Places]] | None = None
        self.row = Row(
            f"direct optimization of the picture, {iterations} iterations",
            f"direct-nearest-{iterations}-{self._half}",
            Family.DIRECT,
        )

    def render(self, case: Case) -> Rendered:
        """Every photo by itself; the examples' features are kept for the next one."""
        started = time.perf_counter()
        if self._learned is None or self._learned[0] is not case.examples:
            self._learned = (case.examples, {})
        places = self._learned[1]
        for side in {side for photo in case.photos for side in sides(max(photo.size))} - set(places):
            places[side] = self._places(case.examples, side, case.seed)
        prepared = time.perf_counter() - started

        def optimize(_: int, photo: Image.Image) -> Image.Image:
            return to_image(self._optimized(photo, places)[0])

        return timed_photos(case.photos, optimize, prepared)

    def _optimized(self, photo: Image.Image, places: dict[int, Places]) -> Tensor:
        levels = sides(max(photo.size))
        picture: Tensor | None = None
        for level, side in enumerate(levels):
            own = self._at(photo, side)
            start = own if picture is None else _enlarged(picture, own) + DETAIL * bands(own)[0]
            rate = RATES[0] if level == 0 else RATES[1]
            picture = self.descend(
                start.clamp(0, 1), places[side], steps_of(level, len(levels), self._iterations), rate
            )
        assert picture is not None
        return picture

    def descend(self, start: Tensor, places: Places, steps: int, rate: float) -> Tensor:
        """One level: (1, 3, H, W) towards the places that it is given, chosen again half way."""
        parts = [part.detach().clone().requires_grad_() for part in bands(start)]
        adam = torch.optim.Adam(parts, lr=rate)
        with torch.no_grad():
            target = places.nearest(self.features(start))
        for step in range(steps):
            features = self.features(compose(parts))
            if step == steps // 2:
                with torch.no_grad():
                    target = places.nearest(features)
            loss = committed_loss(features, target, places)
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
        return compose(parts).detach().clamp(0, 1)

    def features(self, picture: Tensor) -> Tensor:
        """All layers at every fourth pixel of (1, 3, H, W): ``(H/4 W/4, C)``."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half is torch.bfloat16):
            found = self._network(picture, LAYERS)
        grid = [max(1, edge // 4) for edge in picture.shape[2:]]
        layers = [
            F.interpolate(x.float(), grid, mode="bilinear", align_corners=False) for x in found.values()
        ]
        return torch.cat(layers, 1)[0].flatten(1).T

    @torch.no_grad()
    def _places(self, examples: Sequence[Image.Image], side: int, seed: int) -> Places:
        generator = torch.Generator().manual_seed(seed)
        each = KEYS // (TURNS * len(examples))
        found = []
        for turned in self._turned(examples, side):
            features = self.features(turned)
            chosen = torch.randperm(len(features), generator=generator)[:each]
            found.append(features[chosen.to(features.device)])
        features = torch.cat(found)
        mean, spread = features.mean(0), features.var(0).mean()
        directions = F.normalize(features - mean, dim=1)
        return Places(features.to(self._half), directions.to(self._half), mean, spread)

    def _turned(self, examples: Sequence[Image.Image], side: int) -> Iterator[Tensor]:
        for example in examples:
            picture = self._at(example, side)
            yield from (torch.rot90(picture, turn, (2, 3)) for turn in range(TURNS))

    def _at(self, picture: Image.Image, side: int) -> Tensor:
        scale = side / max(picture.size)
        width, height = (max(16, round(edge * scale)) for edge in picture.size)
        small = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        return to_tensor([small], self._device)


def committed_loss(features: Tensor, target: Tensor, places: Places) -> Tensor:
    """How far features ``(M, C)`` are from what their places were given: angle, and a little distance."""
    angles = F.cosine_similarity(features - places.mean, target - places.mean, dim=1)
    return (1 - angles).mean() + PULL * (features - target).square().mean() / places.spread
