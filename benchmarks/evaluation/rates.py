"""A learning rate of its own for rows without meta-learning, chosen on artists that are not measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.evaluation.cache import Cache, cache_key
from benchmarks.evaluation.ours import learn
from benchmarks.evaluation.selection import Artist, load_work
from model.image.adaptation.inner_learning_rates import level_rates
from model.image.engine import Engine

CANDIDATES = (0.003, 0.01, 0.03, 0.1)
MORE = 3


@dataclass(frozen=True)
class RateSearch:
    """What was tried, and what is best: mean loss on held-out photos, as a share of the start's."""

    losses: dict[float, float]
    steps: int
    artists: tuple[str, ...]

    @property
    def best(self) -> float:
        """The rate with the lowest loss."""
        return min(self.losses, key=lambda rate: self.losses[rate])

    def sentence(self) -> str:
        """For the report."""
        tried = ", ".join(f"{rate:g}: {loss:.3f}" for rate, loss in self.losses.items())
        return (
            f"rate {self.best:g} (loss on held-out photos, of the start's, after {self.steps} steps on "
            f"{len(self.artists)} other artists: {tried})"
        )


def search_rate(
    engine: Engine,
    artists: Sequence[Artist],
    *,
    k: int,
    steps: int,
    size: int,
    seed: int,
    cache: Cache,
    random_start: bool = False,
    candidates: Sequence[float] = CANDIDATES,
) -> RateSearch:
    """Try one rate for all tensors after the other, and beyond the candidates while an end is best.

    Every trial is cached.
    """

    def loss_at(rate: float) -> float:
        return fmean(
            _trial(engine, artist.examples(k), rate, steps, size, seed, cache, random_start)
            for artist in artists
        )

    losses = bracketed(loss_at, candidates)
    return RateSearch(losses, steps, tuple(artist.name for artist in artists))


def bracketed(loss_at: Callable[[float], float], candidates: Sequence[float]) -> dict[float, float]:
    """Losses by rising rate; tries up to ``MORE`` rates beyond the ends, so that the best has neighbours."""
    losses = {rate: loss_at(rate) for rate in candidates}
    for _ in range(MORE):
        best = min(losses, key=lambda rate: losses[rate])
        if best == max(losses):
            rate = float(f"{best * 10**0.5:.1g}")
        elif best == min(losses):
            rate = float(f"{best / 10**0.5:.1g}")
        else:
            break
        losses[rate] = loss_at(rate)
    return dict(sorted(losses.items()))


def _trial(
    engine: Engine,
    paths: Sequence[Path],
    rate: float,
    steps: int,
    size: int,
    seed: int,
    cache: Cache,
    random_start: bool,
) -> float:
    """Loss on held-out photos at the end of one adaptation, as a share of its start's."""
    config = str(engine.config)
    key = cache_key(
        ("rate", engine.base_hash, config, f"{rate:g}", steps, size, seed, int(random_start)), paths
    )
    found = cache.load(key)
    if found is None:
        works = [load_work(path, size) for path in paths]
        rates = [each.to(engine.device) for each in level_rates(engine.shapes, {}, rate)]
        found = {"total": learn(engine, works, steps, seed, rates=rates, random_start=random_start).total}
        cache.store(key, found)
    return float(found["total"])
