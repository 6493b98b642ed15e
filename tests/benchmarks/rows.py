"""Made-up measured rows, for tests of what is read off them."""

from collections.abc import Mapping, Sequence

from benchmarks.evaluation.columns import COLUMNS
from benchmarks.evaluation.measure import Values
from benchmarks.evaluation.methods import Family, Row
from benchmarks.evaluation.results import Results

WHOLE = ("mmd_examples", "mmd_unseen")


def row(label: str, family: Family, **how: object) -> Row:
    """A row whose key does not matter."""
    return Row(label, label, family, **how)  # type: ignore[arg-type]


def add(
    results: Results, made: Row, k: int, values: Mapping[str, Sequence[float]], *, photos: int = 1
) -> None:
    """Add a row: ``values[column]`` is one number an artist; other columns are 1 for every artist."""
    count = max((len(v) for v in values.values()), default=1)
    for index in range(count):
        chosen = {name: float(values[name][index]) if name in values else 1.0 for name in COLUMNS}
        listed = {name: [value] * photos for name, value in chosen.items() if name not in WHOLE}
        whole = {name: chosen[name] for name in WHOLE}
        results.add(made, k, f"artist {index}", Values(listed, whole), 2.0, 0.5)
