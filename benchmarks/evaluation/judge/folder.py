"""The folder of pairs that ``fewstroke evaluate --blind`` wrote, as the page needs it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.sheets import PAIRS_FILE


@dataclass(frozen=True)
class PairFolder:
    """Pairs by number with the names of their pictures, which are all that the page may ask for."""

    folder: Path
    set: str
    pairs: Mapping[int, Mapping[str, Any]]
    pictures: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> "PairFolder":
        """Read the folder's list of pairs.

        Raises:
            BenchmarkError: there is none, or a picture of it is missing.
        """
        try:
            document = json.loads((folder / PAIRS_FILE).read_text())
            pairs = {int(pair["pair"]): dict(pair) for pair in document["pairs"]}
            name = str(document["set"])
            pictures = frozenset(
                picture
                for pair in pairs.values()
                for picture in (*pair["examples"], pair["left"], pair["right"])
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BenchmarkError(
                f"{folder} has no pairs: give the folder that `fewstroke evaluate --blind` wrote"
            ) from error
        if missing := sorted(picture for picture in pictures if not _inside(folder, picture)):
            raise BenchmarkError(
                f"{folder / missing[0]} is missing: copy the folder whole, or write it again"
            )
        return cls(folder, name, pairs, pictures)

    def listing(self) -> Sequence[Mapping[str, Any]]:
        """The pairs in their order."""
        return [self.pairs[number] for number in sorted(self.pairs)]


def _inside(folder: Path, picture: str) -> bool:
    path = (folder / picture).resolve()
    return path.is_file() and path.is_relative_to(folder.resolve())
