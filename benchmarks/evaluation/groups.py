"""Which style groups and photos a run may use: a split of the training data, or an explicit list."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from benchmarks.errors import SelectionError
from model.image.media.splits import Split, split_of

SPLITS: tuple[str, ...] = get_args(Split)


def read_groups(choice: str | None, styles: Path) -> list[str] | None:
    """Names of the groups to measure on; None means every group.

    ``choice`` names splits of the training data (``validation``, ``test``, ``validation,test``), or a
    file with one group a line (blank lines and ``#`` comments are skipped).

    Raises:
        SelectionError: neither splits nor a file, or a listed group is no folder of ``styles``.
    """
    if choice is None:
        return None
    if splits := _splits(choice):
        return [path.name for path in styles.iterdir() if path.is_dir() and split_of(path.name) in splits]
    path = Path(choice)
    if not path.is_file():
        raise SelectionError(f"{choice} is neither one of {', '.join(SPLITS)} nor a file of group names")
    names = [line.strip() for line in path.read_text().splitlines()]
    names = [name for name in names if name and not name.startswith("#")]
    if missing := [name for name in names if not (styles / name).is_dir()]:
        raise SelectionError(f"no such groups: {', '.join(missing)}")
    return names


def photos_of(choice: str | None, groups: Sequence[str] | None, photos: Sequence[Path]) -> list[Path]:
    """The photos of the splits that ``choice`` names, or that its file's ``groups`` are in; None: all."""
    if choice is None or groups is None:
        return list(photos)
    splits = _splits(choice) or {split_of(name) for name in groups}
    return [path for path in photos if split_of(path.name) in splits]


def _splits(choice: str) -> frozenset[str]:
    names = frozenset(choice.split(","))
    return names if names <= set(SPLITS) else frozenset()
