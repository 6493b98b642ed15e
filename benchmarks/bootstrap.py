"""Paired bootstrap intervals: artists are drawn with replacement, together for every row."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its 95 % percentile interval."""

    value: float
    low: float
    high: float


@lru_cache(maxsize=8)
def _draws(count: int, seed: int) -> NDArray[np.intp]:
    # one seed, one set of draws: rows and differences of rows are resampled together
    return np.random.default_rng(seed).integers(0, count, size=(RESAMPLES, count))


def _checked(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"one value an artist is needed, got shape {array.shape}")
    return array


def _interval(value: float, resampled: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(float(value), float(low), float(high))


def mean(values: ArrayLike, *, seed: int = 0) -> Interval:
    """Mean over artists, ``(N,)``."""
    array = _checked(values)
    return _interval(array.mean(), array[_draws(array.size, seed)].mean(1))


def mean_difference(after: ArrayLike, before: ArrayLike, *, seed: int = 0) -> Interval:
    """Mean of the paired differences ``after - before`` over artists, both ``(N,)``."""
    return mean(_checked(after) - _checked(before), seed=seed)


def relative_change(after: ArrayLike, before: ArrayLike, *, seed: int = 0) -> Interval:
    """Change of the mean in percent, ``100 (mean(after) / mean(before) - 1)``, both ``(N,)``.

    Negative is a reduction. A ratio of means, not a mean of ratios: artists whose distance was
    small at the start do not rule the figure.
    """
    a, b = _checked(after), _checked(before)
    if a.shape != b.shape:
        raise ValueError(f"not paired: {a.shape} and {b.shape}")
    draws = _draws(a.size, seed)
    ratios = a[draws].mean(1) / b[draws].mean(1)
    return _interval(100 * (a.mean() / b.mean() - 1), 100 * (ratios - 1))
