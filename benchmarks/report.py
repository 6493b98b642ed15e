"""Turns measured rows into figures: means with intervals, the effect of adaptation, JSON and Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks import bootstrap
from benchmarks.measure import COLUMNS

FEW_ARTISTS = 8  # below that a percentile bootstrap is too narrow to be believed
STYLE_COLUMNS = ("vgg_examples", "vgg_unseen", "eff_examples", "eff_unseen", "color_examples", "color_unseen")
HEADINGS = {
    "vgg_examples": "VGG16 to examples",
    "vgg_unseen": "VGG16 to unseen",
    "content": "content",
    "eff_examples": "EffNet to examples",
    "eff_unseen": "EffNet to unseen",
    "structure": "structure",
    "color_examples": "colors to examples",
    "color_unseen": "colors to unseen",
}


@dataclass
class RowResult:
    """One method on every artist: ``values[column][artist]``; a column without meaning is absent."""

    label: str
    values: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def add(self, values: Mapping[str, float], seconds: float | None = None) -> None:
        """Append one artist's values."""
        for column, value in values.items():
            self.values.setdefault(column, []).append(value)
        if seconds is not None:
            self.seconds.append(seconds)


def row_summary(row: RowResult) -> dict[str, Any]:
    """Means over artists with 95 % intervals, and the values behind them."""
    return {
        "label": row.label,
        "means": {column: asdict(bootstrap.mean(values)) for column, values in row.values.items()},
        "seconds_mean": sum(row.seconds) / len(row.seconds) if row.seconds else None,
        "per_artist": row.values,
    }


def compare_rows(after: RowResult, before: RowResult) -> dict[str, Any]:
    """Paired change of every column, in percent of the means, and the share of artists that improved."""
    changes = {
        column: asdict(bootstrap.relative_change(after.values[column], before.values[column]))
        for column in COLUMNS
        if column in after.values and column in before.values and any(before.values[column])
    }
    improved = {
        column: sum(a < b for a, b in zip(after.values[column], before.values[column], strict=True))
        / len(after.values[column])
        for column in STYLE_COLUMNS
    }
    return {
        "after": after.label,
        "before": before.label,
        "change_percent": changes,
        "improved_share": improved,
    }


def table(rows: Sequence[RowResult]) -> str:
    """Markdown table of means with their 95 % intervals in brackets."""
    lines = ["| row | " + " | ".join(HEADINGS[column] for column in COLUMNS) + " |"]
    lines.append("|---|" + "---|" * len(COLUMNS))
    for row in rows:
        cells = []
        for column in COLUMNS:
            if column not in row.values:
                cells.append("-")
                continue
            interval = bootstrap.mean(row.values[column])
            cells.append(f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]")
        lines.append(f"| {row.label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def change_sentence(comparison: Mapping[str, Any]) -> str:
    """The effect of ``after`` against ``before`` in one paragraph of Markdown."""
    changes, improved = comparison["change_percent"], comparison["improved_share"]

    def change(column: str) -> str:
        found = changes.get(column)
        if found is None:
            return "undefined"
        return f"{found['value']:+.1f} % [{found['low']:+.1f}, {found['high']:+.1f}]"

    return (
        f"**{comparison['after']}** against **{comparison['before']}**: "
        f"style distance to the examples {change('vgg_examples')} on VGG16, {change('eff_examples')} on "
        f"EfficientNet-Lite0; to unseen works {change('vgg_unseen')} and {change('eff_unseen')}; "
        f"content {change('content')}, structure {change('structure')}; colors {change('color_examples')}. "
        f"Improved artists: {improved['vgg_examples']:.0%} on VGG16, {improved['eff_examples']:.0%} on "
        f"EfficientNet-Lite0 (to unseen works {improved['vgg_unseen']:.0%} and {improved['eff_unseen']:.0%})."
    )


def markdown(
    summary: Mapping[str, Any], rows: Sequence[RowResult], comparisons: Sequence[Mapping[str, Any]]
) -> str:
    """The whole report."""
    arguments, machine = summary["arguments"], summary["machine"]
    checkpoint = summary["checkpoint"]
    few = len(summary["artists"]) < FEW_ARTISTS
    lines = [
        f"# Comparison at {arguments['size']} px, K = {arguments['k']}",
        "",
        f"{len(summary['artists'])} artists, {len(summary['photos'])} photos each, seed {arguments['seed']}; "
        + (f"checkpoint `{checkpoint['sha256'][:12]}`. " if checkpoint else "no checkpoint. ")
        + f"Means over artists, in brackets paired bootstrap 95 % intervals; lower is closer. "
        f"{machine['processor']}, {machine['cores']} cores.",
        "",
        *([f"**Fewer than {FEW_ARTISTS} artists: the intervals mean little.**", ""] if few else []),
        table(rows),
        "",
        *(f"- {HEADINGS[column]}: {meaning}." for column, meaning in COLUMNS.items()),
        "",
        *(line for comparison in comparisons for line in (change_sentence(comparison), "")),
    ]
    return "\n".join(lines)
