"""Which runs of 8 words the training works have: a Bloom filter, a fraction of the size of the works.

It never misses a run that is there, and takes one in three hundred for known that is not. So one alone counts
for nothing; the two of a run of 9 words are wrongly called known once in 100,000, the five of 12 never.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.text.originality import grams

GRAM = 8
_HASHES = 8
_BITS = 12  # of the filter, for each run


def bloom(works: NDArray[np.uint32]) -> Tensor:
    """The filter of works in numbers of words, a 0 after each work: a byte and a half for every run."""
    hashes, whole = grams(works, GRAM)
    hashes = np.unique(hashes[whole])
    bits = np.zeros(max(64, -(-len(hashes) * _BITS // 8) * 8), np.bool_)  # whole bytes
    for place in _places(hashes, len(bits)):
        bits[place] = True
    return torch.from_numpy(np.packbits(bits))


def longest_run(known: Tensor, text: NDArray[np.uint32]) -> tuple[int, float]:
    """Words of the longest run of ``text`` in the works, 0 below 9, and the share of its runs of 8."""
    hashes, _ = grams(text, GRAM)
    if not len(hashes) or not known.numel():
        return 0, 0.0
    bits = np.unpackbits(known.numpy())
    found = np.ones(len(hashes), np.bool_)
    for place in _places(hashes, len(bits)):
        found &= bits[place].astype(np.bool_)
    longest = run = 0
    for hit in found:
        run = run + 1 if hit else 0
        longest = max(longest, run)
    return (longest + GRAM - 1 if longest > 1 else 0), float(found.mean())


def _places(hashes: NDArray[np.uint64], bits: int) -> list[NDArray[np.int64]]:
    first = hashes % np.uint64(bits)
    step = (hashes >> np.uint64(32)) | np.uint64(1)
    with np.errstate(over="ignore"):
        return [((first + np.uint64(i) * step) % np.uint64(bits)).astype(np.int64) for i in range(_HASHES)]
