"""Figures of several methods: tables for the eye, and a document for JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from benchmarks import bootstrap
from benchmarks.evaluation.figures.measure import FIGURES, SKY_FIGURES
from benchmarks.tables import table


@dataclass(frozen=True)
class Measured:
    """One result and its figures."""

    method: str
    style: str
    photo: str
    figures: Mapping[str, float]


@dataclass
class Figures:
    """All that was measured."""

    about: Mapping[str, Any]
    methods: Sequence[str]
    results: list[Measured] = field(default_factory=list)
    works: dict[str, dict[str, float]] = field(default_factory=dict)  # style -> flat_share, halo
    skies: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)  # method -> style -> figures

    def by_style(self, method: str, figure: str) -> list[float]:
        """Means over photos, one a style that has the figure."""
        values: dict[str, list[float]] = {}
        for measured in self.results:
            if measured.method == method and figure in measured.figures:
                values.setdefault(measured.style, []).append(measured.figures[figure])
        return [fmean(found) for found in values.values()]

    def document(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "about": self.about,
            "methods": list(self.methods),
            "results": [measured.__dict__ for measured in self.results],
            "works": self.works,
            "skies": self.skies,
        }

    def markdown(self) -> str:
        """Tables: distances to the works, even areas, skies."""
        parts = [
            "Means over photos, then over styles, with bootstrap 95 % intervals over styles. Less is nearer "
            "to the works.",
            self._distances("Gram matrices of EfficientNet-Lite0, seen at", "gram"),
            self._distances("Relaxed earth mover's distance of its features, seen at", "emd"),
            self._even_areas(),
        ]
        if self.skies:
            parts += [self._sky(figure, meaning) for figure, meaning in SKY_FIGURES.items()]
        return "\n\n".join(parts) + "\n"

    def _distances(self, heading: str, kind: str) -> str:
        figures = [figure for figure in FIGURES if figure.startswith(kind)]
        heads = ["method", *(f"{figure.rsplit('_')[-1]} px" for figure in figures)]
        lines = [
            [method, *(_interval(self.by_style(method, figure)) for figure in figures)]
            for method in self.methods
        ]
        return f"### {heading}\n\n{table(heads, lines)}"

    def _even_areas(self) -> str:
        heads = ["method", "share of even area", FIGURES["flat"], FIGURES["octaves"]]
        lines = [
            [method, *(_interval(self.by_style(method, f)) for f in ("flat_share", "flat", "octaves"))]
            for method in self.methods
        ]
        lines.append(["the works", _interval([work["flat_share"] for work in self.works.values()]), "", ""])
        return f"### Even areas and strokes\n\n{table(heads, lines)}"

    def _sky(self, figure: str, meaning: str) -> str:
        methods = [method for method in self.methods if self.skies.get(method)]
        heads = ["style", "even area of the works", *methods]
        if figure == "halo":
            heads.append("halo of the works")
        lines = []
        for style, works in self.works.items():
            cells = [_number(self.skies[method].get(style, {}).get(figure)) for method in methods]
            own = [_number(works["halo"])] if figure == "halo" else []
            lines.append([style, f"{works['flat_share']:.0%}", *cells, *own])
        return f"### Sky: {meaning}\n\n{table(heads, lines)}"


def _interval(values: Sequence[float]) -> str:
    if not values:
        return "—"
    found = bootstrap.mean(values)
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
