"""Splits style groups and photos into training, validation and test, by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

Split = Literal["train", "validation", "test"]
VALIDATION_SHARE = 0.10
TEST_SHARE = 0.05


def split_of(name: str, *, seed: int = 0) -> Split:
    """The split of one group or file: a hash of its name, so that adding data moves nothing else."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < TEST_SHARE:
        return "test"
    return "validation" if position < TEST_SHARE + VALIDATION_SHARE else "train"


def training_groups(names: Iterable[str], *, seed: int = 0) -> set[str]:
    """Groups to train on: those of no artist of whom any group is held out.

    A group is named after its artist, with a prefix for the kind of its source (``lo_``, ``few_``).
    """
    kept = list(names)
    held_out = {artist_of(name) for name in kept if split_of(name, seed=seed) != "train"}
    return {name for name in kept if not any(_same(artist_of(name), other) for other in held_out)}


def artist_of(group: str) -> str:
    """The artist whom a group is named after."""
    return group.removeprefix("lo_").removeprefix("few_")


def _same(a: str, b: str) -> bool:
    """Whether two names are of one artist: equal, or one with a word about the works behind it."""
    return a == b or a.startswith(f"{b}_") or b.startswith(f"{a}_")
