"""Rows of this project: the inner loop after so many steps, at a strength, from phi_0 or a random start."""

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.evaluation.methods import Case, Family, Rendered, Row, timed_photos
from model.adaptation import Adaptation
from model.adaptation_loop import Judgement
from model.engine import Engine
from model.formats import StyleHeader
from model.maml import LearningRates
from model.style import Style


@dataclass(frozen=True)
class Snapshot:
    """The best style that a loop had met after so many steps, and the time that it took."""

    style: Style
    seconds: float


def plan_loops(steps: Collection[int], default: int, judge_every: int = 1) -> dict[int, tuple[int, ...]]:
    """Which loops to run for so many ``steps``, and after which of their steps to look: ``{length: steps}``.

    Counts up to the default are looked at in one loop of the default length. The rates' fall depends on a
    loop's length, so "after 6 of 24 steps" is not a loop of six. Larger counts get loops of their own, and so
    do those that the default's loop does not judge: their step could never be the best one.
    """
    loops: dict[int, tuple[int, ...]] = {}
    for count in sorted(set(steps)):
        looked_into = count <= default and count % judge_every == 0
        length = default if count and looked_into else count
        loops[length] = (*loops.get(length, ()), count)
    if 0 in loops and len(loops) > 1:  # the start is on the way of every loop
        first = default if default and default in loops else min(length for length in loops if length)
        loops[first] = (*loops.pop(0), *loops[first])
    return loops


class Learner:
    """Runs inner loops of one checkpoint and remembers those of the last artist: rows share loops.

    Args:
        name: how its rows are called.
        key: what its styles depend on besides the examples, the seed and the number of steps.
        steps: all numbers of steps that will be asked for.
        rates: other rates than the checkpoint's learned ones.
        random_start: begin at phi as a network is initialized, instead of the encoder's prediction.
    """

    def __init__(
        self,
        engine: Engine,
        name: str,
        key: str,
        steps: Collection[int],
        *,
        rates: LearningRates | None = None,
        random_start: bool = False,
    ) -> None:
        self.engine, self.name, self.key = engine, name, key
        self._rates, self._random_start = rates or engine.rates, random_start
        # a random start has no default to look into: its rows are whole loops
        self._loops = plan_loops(
            steps, 0 if random_start else engine.default_steps, engine.config.judge_every
        )
        self._case: Case | None = None
        self._found: dict[int, Snapshot] = {}

    def snapshot(self, case: Case, steps: int) -> Snapshot:
        """The style after ``steps``."""
        if case is not self._case:
            self._case, self._found = case, {}
        if steps not in self._found:
            (length,) = (length for length, counts in self._loops.items() if steps in counts)
            self._found |= self._run(case, length, self._loops[length])
        return self._found[steps]

    def length(self, steps: int) -> int:
        """Length of the loop in which a row of ``steps`` is looked at."""
        return next(length for length, counts in self._loops.items() if steps in counts)

    def _run(self, case: Case, length: int, wanted: Sequence[int]) -> dict[int, Snapshot]:
        found: dict[int, Snapshot] = {}
        best: tuple[float, dict[str, Tensor]] | None = None
        started = time.perf_counter()
        job = self.engine.adaptation(case.examples, seed=case.seed)

        def note(step: int, phi: dict[str, Tensor], judged: Judgement) -> None:
            nonlocal best
            if best is None or judged.total < best[0]:
                best = (judged.total, phi)
            if step in wanted:
                header = StyleHeader(self.engine.base_hash, len(case.examples), step, case.seed)
                kept = {name: value.detach().float().cpu() for name, value in best[1].items()}
                found[step] = Snapshot(Style(kept, header), time.perf_counter() - started)

        start = initialized(job, case.seed) if self._random_start else None
        job.run(self._rates, steps=length, start=start, on_step=note)
        return found


class Adapted:
    """One row of a learner: adapts to the examples, never seeing the photos, and stylizes each."""

    def __init__(self, learner: Learner, steps: int, family: Family, *, strength: float = 1.0) -> None:
        self._learner = learner
        # a random start and other settings are not what the service does, whatever their steps
        default = steps == learner.engine.default_steps and family not in (Family.RANDOM, Family.SETTINGS)
        name = f"{learner.name}, {steps} step{'' if steps == 1 else 's'}"
        self.row = Row(
            name + (", default" if default else "") + ("" if strength == 1 else f", strength {strength:g}"),
            f"{learner.key}-{steps}of{learner.length(steps)}-{strength:g}",
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


def initialized(job: Adaptation, seed: int) -> dict[str, Tensor]:
    """phi as an untrained network has it, without a look at the examples.

    Normalization gains 1 and biases 0 with a spread of 0.1, low-rank branches as in LoRA (in: normal with
    variance 1 / C, out: zero), the identity for colors. A tensor of any other kind is drawn from a normal
    distribution with the mean and spread that the encoder's prediction has over the tensor.
    """
    generator = torch.Generator().manual_seed(seed)
    phi: Mapping[str, Tensor] = job.start()
    return {name: _drawn(name, value, generator).to(value.device) for name, value in phi.items()}


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
