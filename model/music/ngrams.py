"""A cache of the n-grams of a few works: what a model without gradients can know of a composer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class NgramCache:
    """Counts of the token after every context of up to ``order`` tokens; the longest known context decides.

    Args:
        sequences: of tokens.
        order: tokens of the longest context.
        shortest: shorter contexts say nothing.
    """

    def __init__(self, sequences: Sequence[Sequence[int]], *, order: int = 6, shortest: int = 2) -> None:
        self.order, self.shortest = order, shortest
        self._counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for sequence in sequences:
            for i in range(1, len(sequence)):
                for length in range(shortest, min(order, i) + 1):
                    self._counts[tuple(sequence[i - length : i])][sequence[i]] += 1

    def weight_and_share(self, before: Sequence[int], token: int) -> tuple[int, float]:
        """Length of the longest known context (0: none), and the share of ``token`` after it."""
        for length in range(min(self.order, len(before)), self.shortest - 1, -1):
            counts = self._counts.get(tuple(before[len(before) - length :]))
            if counts:
                return length, counts[token] / counts.total()
        return 0, 0.0


def mixed_nats(
    likelihoods: NDArray[np.float64],
    sequence: Sequence[int],
    counted: Sequence[int],
    cache: NgramCache,
    weight: float,
) -> float:
    """Sum of nats of the ``counted`` places of a sequence; the cache has ``weight`` where it knows more.

    ``likelihoods``: of the network, by place in ``counted``.
    """
    total = 0.0
    for likelihood, place in zip(likelihoods, counted, strict=True):
        length, share = cache.weight_and_share(sequence[:place][-cache.order :], sequence[place])
        mixed = (1 - weight) * likelihood + weight * share if length else likelihood
        total -= float(np.log(max(mixed, 1e-12)))
    return total
