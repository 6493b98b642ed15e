"""Measured rows: figures by artist and photo, and means over what several rows have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from benchmarks import bootstrap
from benchmarks.evaluation.columns import COLUMNS, Better
from benchmarks.evaluation.measure import Values
from benchmarks.evaluation.methods import Row


@dataclass
class RowResult:
    """One row at one K: ``values[artist]``, and seconds of preparing and of one photo."""

    row: Row
    k: int
    values: dict[str, Values] = field(default_factory=dict)
    prepare_seconds: dict[str, float] = field(default_factory=dict)
    photo_seconds: dict[str, float] = field(default_factory=dict)

    def artist_means(self, column: str, *, photos: int | None = None) -> dict[str, float]:
        """Mean over photos (the first ``photos`` of them) of each artist that has the column."""
        found = {}
        for artist, values in self.values.items():
            if listed := values.photos.get(column, [])[:photos]:
                found[artist] = fmean(listed)
            elif column in values.whole and photos is None:
                found[artist] = values.whole[column]
        return found

    @property
    def photos(self) -> int:
        """Photos of an artist."""
        return min((len(v.photos.get("content", [])) for v in self.values.values()), default=0)


@dataclass
class Results:
    """All rows, by K and label; rows of real works among them."""

    rows: dict[tuple[int, str], RowResult] = field(default_factory=dict)

    def add(
        self, row: Row, k: int, artist: str, values: Values, prepare_seconds: float, photo_seconds: float
    ) -> None:
        """Take in one row on one artist."""
        result = self.rows.setdefault((k, row.label), RowResult(row, k))
        result.values[artist] = values
        result.prepare_seconds[artist] = prepare_seconds
        result.photo_seconds[artist] = photo_seconds

    def at(self, k: int) -> list[RowResult]:
        """Rows at one K, in the order in which they were planned."""
        return [result for result in self.rows.values() if result.k == k]

    def find(self, k: int, **wanted: object) -> RowResult | None:
        """The first row at K whose attributes are ``wanted`` (see ``Row``)."""
        for result in self.at(k):
            if all(getattr(result.row, name) == value for name, value in wanted.items()):
                return result
        return None


@dataclass(frozen=True)
class Comparison:
    """Paired comparison of one column: means over the artists that both rows have."""

    column: str
    artists: int
    after: float
    before: float
    change_percent: bootstrap.Interval | None  # None where the mean before is not positive
    improved_share: float

    @property
    def ratio(self) -> float:
        """``after / before``."""
        return self.after / self.before if self.before else float("inf")


def compare(after: dict[str, float], before: dict[str, float], column: str) -> Comparison | None:
    """Compare one value an artist each; None when no artist is in both."""
    common = [artist for artist in after if artist in before]
    if not common:
        return None
    a, b = [after[artist] for artist in common], [before[artist] for artist in common]
    better = COLUMNS[column]
    positive = min(b) > 0 and better.better is not Better.ONE
    return Comparison(
        column,
        len(common),
        fmean(a),
        fmean(b),
        bootstrap.relative_change(a, b) if positive else None,
        fmean(better.improved(x, y) for x, y in zip(a, b, strict=True)),
    )


def common_artists(rows: Iterable[RowResult]) -> list[str]:
    """Artists that every row has."""
    listed: Sequence[RowResult] = list(rows)
    if not listed:
        return []
    return [artist for artist in listed[0].values if all(artist in row.values for row in listed)]
