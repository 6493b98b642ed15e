"""Pairs of results whose sides are drawn by lot, and the key that says which method is on which side."""

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError


@dataclass(frozen=True)
class Comparison:
    """One photo in one style by both methods."""

    style: str
    photo: str
    results: tuple[Path, Path]  # of the first and the second method


@dataclass(frozen=True)
class Pair:
    """One numbered line of the key: ``left`` and ``right`` are names of methods."""

    pair: int
    style: str
    photo: str
    left: str
    right: str


@dataclass(frozen=True)
class Key:
    """What a judge must not know. ``set`` names the pairs that it belongs to."""

    set: str
    methods: tuple[str, str]
    pairs: tuple[Pair, ...]
    about: dict[str, Any]  # seed, K, size, checkpoints: how the pairs were made

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Key":
        """Read what ``write`` wrote.

        Raises:
            BenchmarkError: no such file, or no key.
        """
        try:
            document = json.loads(path.read_text())
            first, second = document["methods"]
            pairs = tuple(Pair(**line) for line in document["pairs"])
            return cls(document["set"], (first, second), pairs, document["about"])
        except OSError as error:
            raise BenchmarkError(f"{path} cannot be read: give --key the file that --blind wrote") from error
        except (ValueError, TypeError, KeyError) as error:
            raise BenchmarkError(f"{path} is no key: give --key the file that --blind wrote") from error


def draw_lots(comparisons: Sequence[Comparison], seed: int) -> list[tuple[Comparison, bool]]:
    """Comparisons in a drawn order, each with whether its methods change sides.

    In every style half of them do (give or take one), so a judge who likes one side favours no method.
    """
    drawn = random.Random(f"{seed}/lots")
    by_style: dict[str, list[Comparison]] = defaultdict(list)
    for comparison in comparisons:
        by_style[comparison.style].append(comparison)
    lots = []
    for found in by_style.values():
        first = drawn.randrange(2)
        sides = [(first + index) % 2 == 1 for index in range(len(found))]
        drawn.shuffle(sides)
        lots += list(zip(found, sides, strict=True))
    drawn.shuffle(lots)
    return lots
