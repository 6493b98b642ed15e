"""The loss curves of a run as one picture, from its CSV logs."""

from __future__ import annotations

import csv
from pathlib import Path


def draw_curves(out: Path) -> Path | None:
    """Write ``curves.png`` from ``log-*.csv``; None when there is nothing to draw or no matplotlib.

    Losses are smoothed means over about fifty steps, against minutes of training.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    logs = {path.stem.removeprefix("log-"): read_log(path) for path in out.glob("log-*.csv")}
    logs = {name: columns for name, columns in logs.items() if columns}
    logs = dict(sorted(logs.items(), key=lambda item: item[1]["step"][0]))
    if not logs:
        return None
    figure = Figure(figsize=(5 * len(logs), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for index, (name, columns) in enumerate(logs.items()):
        axes = figure.add_subplot(1, len(logs), index + 1)
        minutes = [seconds / 60 for seconds in columns["seconds"]]
        for term, values in columns.items():
            if term not in ("step", "seconds"):
                axes.plot(minutes, values, label=term, linewidth=2 if term == "total" else 1)
        axes.set(title=name, xlabel="minutes of training", yscale="log")
        axes.legend(fontsize="x-small")
    path = out / "curves.png"
    figure.savefig(path, dpi=120)
    return path


def read_log(path: Path) -> dict[str, list[float]]:
    """Columns of a log, NaN where a loss was not told; empty when there is none."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {key: [float(row[key] or "nan") for row in rows] for key in rows[0]} if rows else {}
