"""Rows of this project: adaptations of so many steps, at a strength, from phi_0 or a random start."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from benchmarks.evaluation.methods import Case, Family, Rendered, Row, timed_photos
from model.errors import AdaptationCanceled
from model.formats import StyleHeader
from model.image.adaptation import loop
from model.image.adaptation.support import Adaptation
from model.image.engine import Engine
from model.image.style import Style
from model.maml import LearningRates


@dataclass(frozen=True)
class Snapshot:
    """A style, and the time that it took."""

    style: Style
    seconds: float


class Learner:
    """Adapts one checkpoint and remembers the styles of the last artist: rows share them.

    Args:
        name: how its rows are called.
        key: what its styles depend on besides the examples, the seed and the number of steps.
        random_start: begin at phi as a network is initialized, instead of the encoder's prediction.
    """

    def __init__(self, engine: Engine, name: str, key: str, *, random_start: bool = False) -> None:
        self.engine, self.name, self.key = engine, name, key
        self._random_start = random_start
        self._case: Case | None = None
        self._found: dict[int, Snapshot] = {}

    def snapshot(self, case: Case, steps: int) -> Snapshot:
        """The style after ``steps``."""
        if case is not self._case:
            self._case, self._found = case, {}
        if steps not in self._found:
            started = time.perf_counter()
            adapted = learn(self.engine, case.examples, steps, case.seed, random_start=self._random_start)
            header = StyleHeader(self.engine.base_hash, len(case.examples), adapted.steps, case.seed)
            phi = {name: value.detach().float().cpu() for name, value in adapted.phi.items()}
            self._found[steps] = Snapshot(Style(phi, header), time.perf_counter() - started)
        return self._found[steps]


def learn(
    engine: Engine,
    examples: Sequence[Image.Image],
    steps: int,
    seed: int,
    *,
    rates: Sequence[LearningRates] | None = None,
    random_start: bool = False,
) -> loop.Adapted:
    """One adaptation, at the engine's rates or at others."""
    job = engine.adaptation(examples, seed=seed)
    if random_start:
        job = RandomStart.of(job, examples, seed)
    (outcome,) = loop.adapt_batch([job], rates or engine.rates, steps=steps)
    assert not isinstance(outcome, AdaptationCanceled)
    return outcome


class Adapted:
    """One row of a learner: adapts to the examples, never seeing the photos, and stylizes each."""

    def __init__(self, learner: Learner, steps: int, family: Family, *, strength: float = 1.0) -> None:
        self._learner = learner
        # a random start and other settings are not what the service does, whatever their steps
        default = steps == learner.engine.default_steps and family not in (Family.RANDOM, Family.SETTINGS)
        name = f"{learner.name}, {steps} step{'' if steps == 1 else 's'}"
        self.row = Row(
            name + (", default" if default else "") + ("" if strength == 1 else f", strength {strength:g}"),
            f"{learner.key}-{steps}-{strength:g}",
            family if strength == 1 else Family.SWEEP,
            curve=name,
            steps=steps,
            strength=strength,
            is_default=default,
        )

    def render(self, case: Case) -> Rendered:
        """Every photo with the adapted style."""
        steps = self.row.steps
        assert steps is not None
        snapshot, engine = self._learner.snapshot(case, steps), self._learner.engine
        return timed_photos(
            case.photos,
            lambda _, photo: engine.stylize(photo, snapshot.style, strength=self.row.strength),
            snapshot.seconds,
        )


class RandomStart(Adaptation):
    """An adaptation that begins at phi as an untrained network has it, without a look at the examples.

    Normalization gains 1 and biases 0 with a spread of 0.1, low-rank branches as in LoRA (in: normal with
    variance 1 / C, out: zero), the identity for colors. A tensor of any other kind is drawn from a normal
    distribution with the mean and spread that the encoder's prediction has over the tensor.
    """

    seed = 0

    @classmethod
    def of(cls, job: Adaptation, examples: Sequence[Image.Image], seed: int) -> "RandomStart":
        """The same adaptation from a random start."""
        made = cls(
            job.networks, job.objective, examples, job.bank, job.held_out, config=job.config, seed=seed
        )
        made.seed = seed
        return made

    def start(self, level: int) -> dict[str, Tensor]:
        """phi_0 of a level (B = 1)."""
        generator = torch.Generator().manual_seed(4 * self.seed + level)
        predicted = super().start(level)
        return {name: _drawn(name, value, generator).to(value.device) for name, value in predicted.items()}


def _drawn(name: str, predicted: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(predicted.shape, generator=generator)
    if name.endswith(".gamma"):
        return 1 + 0.1 * noise
    if name.endswith(".beta"):
        return 0.1 * noise
    if name.endswith(".down"):
        return noise / math.sqrt(predicted.shape[-1])
    if name.endswith(".up"):
        return torch.zeros_like(noise)
    if name == "color":
        return torch.eye(*predicted.shape[1:]).unsqueeze(0)
    values = predicted.cpu()
    return values.mean() + noise * values.std(correction=0)
