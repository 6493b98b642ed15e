"""Seeded train/validation/test split of style groups and photos, by name."""

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


def split_groups(names: Iterable[str], *, seed: int = 0) -> dict[Split, list[str]]:
    """Group names by split, each list sorted."""
    result: dict[Split, list[str]] = {"train": [], "validation": [], "test": []}
    for name in sorted(names):
        result[split_of(name, seed=seed)].append(name)
    return result
