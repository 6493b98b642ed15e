"""Poems as arrays for the network: characters, each with the place in the form of the one that follows it.

The form is given, not predicted: the lengths of the lines and their marks are read from the poem in training
and from the asked form when one is written. Only characters are predicted: losses are nats a character.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model.sequence.objective import Batch
from model.text.poems.alphabet import Alphabet
from model.text.poems.poem import LONGEST_LINE, LONGEST_TITLE, Layout, Poem, layout_of
from model.text.poems.works import KINDS, Kind

FEATURES = 5
FAR = 15  # lines to the end, from where on it is no longer told
LONGEST_BODY = 96  # characters of a stretch in training


@dataclass(frozen=True)
class EncodedPoem:
    """A poem in numbers.

    Attributes:
        kind: shi, ci or qu.
        title: its characters.
        body: its characters without marks.
        layout: of all lines.
    """

    kind: Kind
    title: tuple[int, ...]
    body: tuple[int, ...]
    layout: Layout


def encode(poem: Poem, kind: Kind, alphabet: Alphabet) -> EncodedPoem:
    """In the numbers of ``alphabet``."""
    return EncodedPoem(
        kind,
        tuple(alphabet.numbers(poem.title)[:LONGEST_TITLE]),
        tuple(alphabet.numbers(poem.text)),
        layout_of(poem),
    )


def places(layout: Layout) -> list[tuple[int, int, int, int]]:
    """For every character: place in its line, characters left in it, lines left, 1 or 2 for stop or comma."""
    rows: list[tuple[int, int, int, int]] = []
    for number, (length, stop) in enumerate(layout):
        left = min(FAR, len(layout) - number)
        rows += [
            (min(at + 1, LONGEST_LINE), min(length - at, LONGEST_LINE), left, 1 if stop else 2)
            for at in range(length)
        ]
    return rows


def beginning(kind: Kind, title: Sequence[int], alphabet: Alphabet) -> list[int]:
    """The tokens before the first character of a poem."""
    return [alphabet.size + KINDS.index(kind), *title]


def stack(poems: Sequence[EncodedPoem], alphabet: Alphabet, rng: random.Random | None = None) -> Batch:
    """Poems below each other, padded; unknown characters are read and not predicted.

    Args:
        poems: not empty.
        alphabet: of their numbers.
        rng: hides some titles and cuts stretches out of long poems; without it, titles are shown and long
        poems cut after ``LONGEST_BODY`` characters.
    """
    rows = [_row(poem, alphabet, rng) for poem in poems]
    length = max(len(targets) for _, targets in rows)
    inputs = np.zeros((len(rows), length, FEATURES), np.int64)
    targets = np.full((len(rows), length), -1, np.int64)
    for i, (read, predicted) in enumerate(rows):
        inputs[i, : len(read)] = read
        targets[i, : len(predicted)] = predicted
    return Batch(torch.from_numpy(inputs), torch.from_numpy(targets))


def _row(
    poem: EncodedPoem, alphabet: Alphabet, rng: random.Random | None
) -> tuple[list[tuple[int, int, int, int, int]], list[int]]:
    first, last = _stretch(poem, rng)
    hidden = rng is not None and rng.random() < 0.4
    head = beginning(poem.kind, () if hidden else poem.title, alphabet)
    tokens = [*head, *poem.body[first:last]][:-1]
    where = places(poem.layout)[first:last]
    none = (0, 0, 0, 0)
    told = [none] * (len(head) - 1) + where
    targets = [-1] * (len(head) - 1) + [n or -1 for n in poem.body[first:last]]
    return [(token, *place) for token, place in zip(tokens, told, strict=True)], targets


def _stretch(poem: EncodedPoem, rng: random.Random | None) -> tuple[int, int]:
    """Whole lines of at most ``LONGEST_BODY`` characters, from the beginning in every second case."""
    starts = np.cumsum([0, *(length for length, _ in poem.layout)])
    first = 0
    if rng is not None and starts[-1] > LONGEST_BODY and rng.random() < 0.5:
        latest = int(np.searchsorted(starts, starts[-1] - LONGEST_BODY))
        first = int(starts[rng.randrange(latest + 1)])
    fitting = starts[starts <= first + LONGEST_BODY]
    return first, int(fitting[-1])
