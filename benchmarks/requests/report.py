"""From rounds to figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks import tables


@dataclass(frozen=True)
class Figure:
    """Milliseconds of processor time for a request, by round; ``other``: of another checkout's service."""

    name: str
    requests: int  # in a round
    this: Sequence[float]
    other: Sequence[float] = field(default=())


def figures(found: Sequence[Figure]) -> list[dict[str, Any]]:
    """Rows for JSON: medians over the rounds; the ratio is the median of the rounds' ratios, whose two sides
    are of the same moment."""
    rows = []
    for figure in found:
        row: dict[str, Any] = {
            "name": figure.name,
            "requests": figure.requests * len(figure.this),
            "ms": round(median(figure.this), 2),
            "rounds_ms": [round(value, 2) for value in figure.this],
        }
        if figure.other:
            pairs = zip(figure.this, figure.other, strict=True)
            row["other_ms"] = round(median(figure.other), 2)
            row["other_rounds_ms"] = [round(value, 2) for value in figure.other]
            row["ratio"] = round(median(other / this for this, other in pairs if this), 2)
        rows.append(row)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    compared = any("ratio" in row for row in rows)
    head = ["request", "number", "ms of the API", *(["other checkout", "ratio"] if compared else [])]
    return tables.table(
        head,
        [
            [row["name"], str(row["requests"]), f"{row['ms']:.2f}"]
            + ([f"{row['other_ms']:.2f}", f"{row['ratio']:.2f}"] if compared else [])
            for row in rows
        ],
    )
