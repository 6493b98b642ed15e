"""Style distance at matched content distance: rows of one curve differ in strength alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.evaluation.columns import COLUMNS
from benchmarks.evaluation.results import Results, RowResult


@dataclass(frozen=True)
class Matched:
    """A row of figures read off a curve, artist by artist, at the strength that meets another row."""

    label: str
    k: int
    values: dict[str, dict[str, float]]  # column -> artist -> value
    strengths: dict[str, float]  # artist -> strength
    unreached: int  # artists whose strongest result still keeps more of the photo than the other row
    exceeded: int  # artists whose every result keeps less of it


def curve_of(results: Results, k: int, curve: str) -> list[RowResult]:
    """Rows of one curve by rising strength."""
    rows = [row for row in results.at(k) if row.row.curve == curve]
    return sorted(rows, key=lambda row: row.row.strength)


def match(
    rows: Sequence[RowResult], other: RowResult, columns: Sequence[str] = ("content",)
) -> Matched | None:
    """Figures of a curve at the strength where it is as far from the photo as ``other``.

    The strength is, artist by artist, the largest at which no one of ``columns`` (distances to the photo)
    passes that of ``other``; between two measured strengths all columns are interpolated linearly. A curve
    that passes ``other`` already at its least strength is read off there, farther from the photo than
    ``other``: ``exceeded`` counts these.

    Returns:
        None with fewer than two strengths, or when no artist has all rows.
    """
    artists = [a for a in other.values if all(a in row.values for row in rows)]
    if len(rows) < 2 or not artists:
        return None
    strengths = [row.row.strength for row in rows]
    limits = {column: other.artist_means(column) for column in columns}
    curves = {column: [row.artist_means(column) for row in rows] for column in columns}
    found, unreached, exceeded = {}, 0, 0
    for artist in artists:
        positions = [
            _crossing([means[artist] for means in curves[column]], limits[column][artist])
            for column in columns
        ]
        position = min(positions)
        unreached += position >= len(rows) - 1
        exceeded += any(min(row[artist] for row in curves[c]) > limits[c][artist] for c in columns)
        found[artist] = position
    values: dict[str, dict[str, float]] = {}
    for column in COLUMNS:
        means = [row.artist_means(column) for row in rows]
        values[column] = {
            artist: _at([mean[artist] for mean in means], position)
            for artist, position in found.items()
            if all(artist in mean for mean in means)
        }
    what = " and ".join(columns)
    return Matched(
        f"{rows[0].row.curve}, at the {what} of {other.row.label}",
        other.k,
        {column: by_artist for column, by_artist in values.items() if by_artist},
        {artist: _at(strengths, position) for artist, position in found.items()},
        unreached,
        exceeded,
    )


def _crossing(distances: Sequence[float], limit: float) -> float:
    """Position (0 .. len - 1) up to which a rising curve stays at or below ``limit``: its last crossing."""
    if distances[-1] <= limit:
        return float(len(distances) - 1)
    for index in range(len(distances) - 2, -1, -1):
        low, high = distances[index], distances[index + 1]
        if low <= limit < high:
            return index + (limit - low) / (high - low)
    return 0.0


def _at(values: Sequence[float], position: float) -> float:
    index = min(int(position), len(values) - 2)
    part = position - index
    return values[index] * (1 - part) + values[index + 1] * part
