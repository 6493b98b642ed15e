"""What a poet's examples are like, in figures that readers understand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from model.text.poems.checkpoint import PoemsBase
from model.text.poems.encoding import EncodedPoem
from model.text.poems.poem import Poem


def describe(poems: Sequence[Poem], encoded: Sequence[EncodedPoem], base: PoemsBase) -> dict[str, Any]:
    """Number of poems and characters, lengths of lines, and favourite characters.

    A favourite character is in at least two poems, and more frequent than in the training poems: ordered by
    how much of the difference between the two it makes up (n log(p / q)).
    """
    lengths = Counter(len(line) for poem in poems for line in poem.lines)
    counts = Counter(n for poem in encoded for n in poem.body if n)
    poems_with = Counter(n for poem in encoded for n in set(poem.body) if n)
    usual = np.bincount(base.known.tokens, minlength=base.alphabet.size).astype(float) + 1
    usual /= usual[1:].sum()
    total = sum(counts.values())
    gain = {
        n: count * float(np.log(count / total / usual[n])) for n, count in counts.items() if poems_with[n] > 1
    }
    favourites = sorted((n for n in gain if gain[n] > 0), key=lambda n: (-gain[n], n))[:12]
    return {
        "poems": len(poems),
        "characters": sum(len(poem.text) for poem in poems),
        "line_lengths": {str(length): count for length, count in lengths.most_common(5)},
        "favourites": base.alphabet.text(favourites),
    }
