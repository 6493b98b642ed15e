"""The rows of the comparison: each turns K examples and some photos into as many results."""

from collections.abc import Sequence
from typing import Protocol

from PIL import Image

from benchmarks.magenta import Magenta
from model.engine import Engine


class Method(Protocol):
    """One row. ``key`` names everything that its results depend on besides its inputs (for caching)."""

    label: str
    key: str

    def render(
        self, examples: Sequence[Image.Image], photos: Sequence[Image.Image], *, seed: int
    ) -> list[Image.Image]:
        """One result a photo, in the photos' order and sizes."""
        ...


class Identity:
    """The photo as it is: the far end of every style distance."""

    label = "photo as it is"
    key = "identity"

    def render(
        self, examples: Sequence[Image.Image], photos: Sequence[Image.Image], *, seed: int
    ) -> list[Image.Image]:
        return list(photos)


class MagentaOne:
    """Magenta from one example: photo i takes example i mod K, so every example counts."""

    label = "Magenta, one example"
    key = "magenta-one"

    def __init__(self, magenta: Magenta) -> None:
        self._magenta = magenta

    def render(
        self, examples: Sequence[Image.Image], photos: Sequence[Image.Image], *, seed: int
    ) -> list[Image.Image]:
        vectors = [self._magenta.style_vector([example]) for example in examples]
        return [self._magenta.stylize(photo, vectors[i % len(vectors)]) for i, photo in enumerate(photos)]


class MagentaMean:
    """Magenta from the mean of the K style vectors."""

    key = "magenta-mean"

    def __init__(self, magenta: Magenta, k: int) -> None:
        self._magenta = magenta
        self.label = f"Magenta, mean of {k}"

    def render(
        self, examples: Sequence[Image.Image], photos: Sequence[Image.Image], *, seed: int
    ) -> list[Image.Image]:
        vector = self._magenta.style_vector(examples)
        return [self._magenta.stylize(photo, vector) for photo in photos]


class Adapted:
    """This project's engine: adapts to the examples, never seeing the photos, and stylizes each."""

    def __init__(self, engine: Engine, steps: int) -> None:
        self._engine = engine
        self.steps = steps
        self.is_default = steps == engine.default_steps
        default = ", default" if self.is_default else ""
        self.label = f"Fewstroke, {steps} step{'' if steps == 1 else 's'}{default}"
        self.key = f"fewstroke-{engine.base_hash}-{steps}"

    def render(
        self, examples: Sequence[Image.Image], photos: Sequence[Image.Image], *, seed: int
    ) -> list[Image.Image]:
        style = self._engine.adapt(examples, steps=self.steps, seed=seed)
        return [self._engine.stylize(photo, style) for photo in photos]
