"""How much of a text others have already: the longest run shared with them, and the share of short runs.

Texts are sequences of whole numbers (characters or words); 0 stands between two texts and is part of no run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FACTOR = 0x9E3779B97F4A7C15


def grams(tokens: NDArray[np.integer], length: int) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The hash of the ``length`` tokens from each place on, and whether they are of one text.

    Both have as many entries as there are places with ``length`` tokens, n + 1 - length.
    """
    count = len(tokens) + 1 - length
    if count <= 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.bool_)
    hashes = np.zeros(count, np.uint64)
    whole = np.ones(count, np.bool_)
    values = tokens.astype(np.uint64)
    with np.errstate(over="ignore"):
        for i in range(length):
            part = values[i : i + count]
            hashes = (hashes + part) * np.uint64(_FACTOR)
            hashes ^= hashes >> np.uint64(29)
            whole &= part != 0
    return hashes, whole


@dataclass(frozen=True)
class Shared:
    """What a text shares with some others.

    Attributes:
        longest: tokens of the longest run; 0 below the index's ``gram``.
        share: of the text's runs of ``gram`` tokens, from 0 to 1.
        own: where the longest run begins here.
        place: where it begins in the index, or None.
    """

    longest: int
    share: float
    own: int
    place: int | None


class RunIndex:
    """Known texts, ready to be searched.

    Args:
        tokens: the texts one after the other, a 0 after each.
        gram: runs that are shorter than this are nobody's.
        starts: where each text begins; None: after each 0, which then stands nowhere else.
    """

    def __init__(
        self, tokens: NDArray[np.integer], gram: int, starts: NDArray[np.int64] | None = None
    ) -> None:
        self.tokens = tokens
        self.gram = gram
        self.starts = np.append(0, np.flatnonzero(tokens == 0) + 1)[:-1] if starts is None else starts
        self._sorted: dict[int, tuple[NDArray[np.uint64], NDArray[np.int64]]] = {}

    def _places(self, length: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        if length not in self._sorted:
            hashes, whole = grams(self.tokens, length)
            places = np.flatnonzero(whole)
            order = np.argsort(hashes[places], kind="stable")
            self._sorted[length] = hashes[places][order], places[order]
        return self._sorted[length]

    def find(self, run: Sequence[int]) -> NDArray[np.int64]:
        """Places at which this run begins."""
        hashes, places = self._places(len(run))
        (wanted,), (whole,) = grams(np.array(run), len(run))
        if not whole:
            return places[:0]
        low, high = np.searchsorted(hashes, wanted), np.searchsorted(hashes, wanted, side="right")
        return places[low:high]

    def following(self, run: Sequence[int]) -> set[int]:
        """The tokens that stand after this run somewhere; never 0."""
        after = self.find(run) + len(run)
        return {int(n) for n in self.tokens[after[after < len(self.tokens)]]} - {0}

    def text_at(self, place: int) -> int:
        """Number of the text that a place is in."""
        return int(np.searchsorted(self.starts, place, side="right") - 1)

    def compare(self, text: Sequence[int], *, leave_out: range = range(0)) -> Shared:
        """The longest run of ``text`` found in these texts, and the share of its short runs.

        ``leave_out``: numbers of texts that do not count.
        """
        hashes, whole = grams(np.array(text), self.gram)
        known, places = self._places(self.gram)
        low = np.searchsorted(known, hashes)
        high = np.searchsorted(known, hashes, side="right")
        runs: dict[int, int] = {}
        total = found = longest = own = 0
        place: int | None = None
        for i in range(len(hashes)):
            now: dict[int, int] = {}
            if whole[i]:
                total += 1
                for p in map(int, places[low[i] : high[i]]):
                    if leave_out and self.text_at(p) in leave_out:
                        continue
                    now[p] = runs.get(p - 1, self.gram - 1) + 1
                    if now[p] > longest:
                        longest, place = now[p], p + self.gram - now[p]
                        own = i + self.gram - now[p]
                found += bool(now)
            runs = now
        return Shared(longest, found / total if total else 0.0, own, place)
