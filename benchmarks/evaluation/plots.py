"""Plots as SVG text: style against content over the strengths, style over steps and over K."""

import io
import re
from collections.abc import Sequence

from benchmarks.errors import MissingPackageError
from benchmarks.evaluation.columns import COLUMNS
from benchmarks.evaluation.methods import Family
from benchmarks.evaluation.results import Results, RowResult, common_artists

Line = tuple[str, list[float], list[float]]  # label, xs, ys
STYLE = ("vgg_examples", "vgg_unseen", "eff_examples", "eff_unseen")


def plots(results: Results, main_k: int, ks: Sequence[int]) -> dict[str, str]:
    """Title to SVG; a plot without at least two points on some line is left out.

    Raises:
        MissingPackageError: the ``bench`` extra is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingPackageError(str(error.name)) from error

    found: dict[str, tuple[str, dict[str, list[Line]]]] = {}
    for k in ks:
        curves = {column: pareto_lines(results, k, column) for column in STYLE}
        found[f"K = {k}: style distance against content distance, over strengths"] = (
            "content distance",
            curves,
        )
    over_steps = {column: step_lines(results, main_k, column) for column in STYLE}
    found[f"K = {main_k}: style distance over steps"] = "inner steps", over_steps
    over_k = {column: k_lines(results, ks, column) for column in STYLE}
    found["Style distance over K, on the artists that have every K"] = "examples K", over_k
    drawn = {}
    for title, (across, panels) in found.items():
        if not any(len(xs) > 1 for lines in panels.values() for _, xs, _ in lines):
            continue
        figure = Figure(figsize=(15, 3.6), layout="constrained")
        for axes, (column, lines) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
            for label, xs, ys in lines:
                axes.plot(xs, ys, marker="o", markersize=3, linewidth=1.2, label=label)
            axes.set_title(COLUMNS[column].heading, fontsize=9)
            axes.set_xlabel(across, fontsize=8)
            axes.tick_params(labelsize=7)
            axes.grid(alpha=0.3)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
        drawn[title] = svg(figure)
    return drawn


def pareto_lines(results: Results, k: int, column: str) -> list[Line]:
    """A line a curve, a point a strength: means of content and ``column``; a single point for other rows."""
    curves: dict[str, list[RowResult]] = {}
    for row in results.at(k):
        if not row.row.slow and "content" in row.values[next(iter(row.values))].photos:
            curves.setdefault(row.row.curve or row.row.label, []).append(row)
    swept = {name: rows for name, rows in curves.items() if len(rows) > 1}
    if not swept:
        return []
    lines = []
    for name, rows in curves.items():
        if name not in swept and rows[0].row.family not in (Family.MAGENTA, Family.BASELINE, Family.COLOR):
            continue
        ordered = sorted(rows, key=lambda row: row.row.strength)
        lines.append((name, [_mean(r, "content") for r in ordered], [_mean(r, column) for r in ordered]))
    return lines


def step_lines(results: Results, k: int, column: str) -> list[Line]:
    """Ours and the network without meta-learning over steps; Magenta as a level line."""
    lines = []
    steps = [0.0]
    for family, name in ((Family.OURS, "Fewstroke"), (Family.NO_META, "without meta-learning")):
        rows = [r for r in results.at(k) if r.row.family is family and r.row.steps is not None]
        rows.sort(key=lambda row: row.row.steps or 0)
        if rows:
            steps = [float(row.row.steps or 0) for row in rows]
            lines.append((name, steps, [_mean(row, column) for row in rows]))
    level = [row for row in results.at(k) if row.row.family is Family.MAGENTA and len(steps) > 1]
    return lines + [(row.row.label, [steps[0], steps[-1]], [_mean(row, column)] * 2) for row in level]


def k_lines(results: Results, ks: Sequence[int], column: str) -> list[Line]:
    """Ours at zero and default steps and Magenta over K, on the artists that have every K."""
    lines = []
    for name, wanted in (
        ("Fewstroke, default steps", {"family": Family.OURS, "is_default": True}),
        ("Fewstroke, zero steps", {"family": Family.OURS, "steps": 0}),
        ("Magenta, mean of K", {"family": Family.MAGENTA, "label": "Magenta, mean of K"}),
        ("Magenta, one example", {"family": Family.MAGENTA, "label": "Magenta, one example"}),
    ):
        rows = [row for k in sorted(ks) if (row := results.find(k, **wanted)) is not None]
        artists = common_artists(rows)
        if artists:
            ys = [sum(row.artist_means(column)[a] for a in artists) / len(artists) for row in rows]
            lines.append((name, [float(row.k) for row in rows], ys))
    return lines


def svg(figure: object) -> str:
    """SVG element of a matplotlib figure, without the XML prologue, to stand inside HTML."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})  # type: ignore[attr-defined]
    text = buffer.getvalue()
    # ids must differ between the plots of a page
    stamp = f"p{abs(hash(text)) % 10**8}"
    text = re.sub(r'id="([^"]+)"', rf'id="{stamp}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{stamp}-\1)", text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{stamp}-\1"', text)
    return text[text.index("<svg") :]


def _mean(row: RowResult, column: str) -> float:
    values = row.artist_means(column).values()
    return sum(values) / len(values)
