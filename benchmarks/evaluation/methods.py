"""The rows of the comparison: each turns K examples and some photos into as many results."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from PIL import Image

from benchmarks.evaluation.pixels import linear_color_transfer
from benchmarks.magenta import Magenta


class Family(StrEnum):
    """What kind of row a method is: ``--rows`` chooses among these."""

    IDENTITY = "identity"
    COLOR = "color"
    MAGENTA = "magenta"
    OURS = "ours"
    SETTINGS = "settings"  # ours with another inner loop
    BASELINE = "baseline"  # another checkpoint of ours
    NO_META = "no-meta"
    RANDOM = "random"
    DIRECT = "direct"
    SWEEP = "sweep"  # the same rows at other strengths


SLOW = frozenset({Family.RANDOM, Family.DIRECT})  # measured on a part of the artists and photos


@dataclass(frozen=True)
class Case:
    """What a method is given: K examples of an artist, photos of one size, a seed."""

    artist: str
    examples: Sequence[Image.Image]
    photos: Sequence[Image.Image]
    seed: int


@dataclass(frozen=True)
class Rendered:
    """One result a photo, in the photos' order and sizes."""

    pictures: list[Image.Image]
    prepare_seconds: float  # what is done once for all photos: adaptation, style vectors
    photo_seconds: float  # of one photo, on average


@dataclass(frozen=True)
class Row:
    """What a row is. ``key`` names everything that its results depend on besides its inputs (for caching)."""

    label: str
    key: str
    family: Family
    curve: str = ""  # rows of one curve differ in strength alone
    steps: int | None = None
    strength: float = 1.0
    is_default: bool = False

    @property
    def slow(self) -> bool:
        """Whether only a part of the artists and photos is measured."""
        return self.family in SLOW


class Method(Protocol):
    """A row that can be made."""

    row: Row

    def render(self, case: Case) -> Rendered:
        """One result a photo."""
        ...


def timed_photos(
    photos: Sequence[Image.Image], render: Callable[[int, Image.Image], Image.Image], prepare_seconds: float
) -> Rendered:
    """Render every photo and take the time."""
    started = time.perf_counter()
    pictures = [render(index, photo) for index, photo in enumerate(photos)]
    return Rendered(pictures, prepare_seconds, (time.perf_counter() - started) / len(photos))


class Identity:
    """The photo as it is: the far end of every style distance."""

    row = Row("photo as it is", "identity", Family.IDENTITY)

    def render(self, case: Case) -> Rendered:
        """The photos themselves."""
        return Rendered(list(case.photos), 0.0, 0.0)


class ColorTransfer:
    """Colors only: the linear map to the examples' mean and covariance of colors."""

    row = Row("color transfer (linear, Monge-Kantorovich)", "color-mkl", Family.COLOR)

    def render(self, case: Case) -> Rendered:
        """Each photo under its own map."""
        return timed_photos(case.photos, lambda _, photo: linear_color_transfer(photo, case.examples), 0.0)


class MagentaRow:
    """Magenta from one example, or from the mean of the style vectors of all.

    One: photo i takes example i mod K, so every example counts. Strength s goes from the photo's own
    style vector (0) to the style's (1) and beyond.
    """

    def __init__(self, magenta: Magenta, *, mean: bool, strength: float = 1.0) -> None:
        self._magenta, self._mean, self._strength = magenta, mean, strength
        name = "Magenta, mean of K" if mean else "Magenta, one example"
        key = f"magenta-exact-{'mean' if mean else 'one'}"
        self.row = Row(
            name if strength == 1 else f"{name}, strength {strength:g}",
            f"{key}-{strength:g}",
            Family.MAGENTA if strength == 1 else Family.SWEEP,
            curve=name,
            strength=strength,
        )

    def render(self, case: Case) -> Rendered:
        """Every photo with its vector."""
        started = time.perf_counter()
        if self._mean:
            vectors = [self._magenta.style_vector(case.examples)]
        else:
            vectors = [self._magenta.style_vector([e]) for e in case.examples[: len(case.photos)]]
        prepared = time.perf_counter() - started

        def stylize(index: int, photo: Image.Image) -> Image.Image:
            vector = vectors[index % len(vectors)]
            if self._strength != 1:
                own = self._magenta.style_vector([photo])
                vector = own + self._strength * (vector - own)
            return self._magenta.stylize(photo, vector)

        return timed_photos(case.photos, stylize, prepared)
