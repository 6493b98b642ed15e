"""Tables of an evaluation: Markdown for the eye, a document for JSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Any

from benchmarks import bootstrap
from benchmarks.evaluation.checks import Verdict, matched_rows, verdicts
from benchmarks.evaluation.columns import COLUMNS, TABLES, Better
from benchmarks.evaluation.matching import Matched
from benchmarks.evaluation.rates import RateSearch
from benchmarks.evaluation.results import Results, RowResult, common_artists

FEW_ARTISTS = 8  # below that a percentile bootstrap is too narrow to be believed
ARROWS = {Better.LOWER: "↓", Better.HIGHER: "↑", Better.ONE: "→ 1"}


@dataclass(frozen=True)
class Table:
    """A table of text."""

    title: str
    heads: Sequence[str]
    lines: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """As Markdown."""
        lines = [f"### {self.title}", ""] if self.title else []
        lines += [self.note, ""] if self.note else []
        lines += [f"| {' | '.join(self.heads)} |", "|" + "---|" * len(self.heads)]
        return "\n".join([*lines, *(f"| {' | '.join(line)} |" for line in self.lines)])


@dataclass(frozen=True)
class Evaluation:
    """Everything that a report says."""

    summary: Mapping[str, Any]  # arguments, machine, libraries, checkpoint, artists, photos, seconds
    results: Results
    main_k: int
    ks: Sequence[int]
    searches: Mapping[str, RateSearch] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def title(self) -> str:
        """The headline."""
        return f"Evaluation at {self.summary['arguments']['size']} px, K = {self.main_k}"

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What it must show."""
        return verdicts(self.results, self.main_k, self.ks)

    @cached_property
    def sections(self) -> list[tuple[str, list[Table]]]:
        """Tables under their headings."""
        sections = [
            ("What it must show", [verdict_table(self.verdicts)]),
            (f"Rows at K = {self.main_k}", column_tables(self._rows(self.main_k), _values)),
        ]
        if matched := [row for k in self.ks for row in matched_rows(self.results, k)]:
            sections.append(("Read off the strength curves", column_tables(matched, _matched_values)))
        if (slow := self.slow_table()) is not None:
            sections.append(("Slow rows", [slow]))
        others = [k for k in self.ks if k != self.main_k]
        sections += [(f"Rows at K = {k}", column_tables(self._rows(k), _values)) for k in others]
        return sections

    def _rows(self, k: int) -> list[RowResult]:
        return [row for row in self.results.at(k) if row.row.strength == 1 and not row.row.slow]

    def slow_table(self) -> Table | None:
        """Slow rows next to others, on exactly the artists and photos that the slow rows have."""
        rows = self.results.at(self.main_k)
        slow = [row for row in rows if row.row.slow]
        if not slow:
            return None
        photos = min(row.photos for row in slow)
        artists = common_artists(slow)
        shown = [row for row in self._rows(self.main_k) if row.photos >= photos] + slow
        columns = (
            "objective",
            "vgg_examples",
            "vgg_unseen",
            "eff_examples",
            "eff_unseen",
            "content",
            "structure",
        )
        heads = [
            "row",
            *(f"{COLUMNS[c].heading} {ARROWS[COLUMNS[c].better]}" for c in columns),
            "s to prepare",
            "s a photo",
        ]
        lines = []
        for row in shown:
            cells = []
            for column in columns:
                means = row.artist_means(column, photos=photos)
                cells.append(_cell([means[artist] for artist in artists if artist in means], interval=False))
            times = (row.prepare_seconds, row.photo_seconds)
            seconds = [
                fmean(t[a] for a in artists if a in t) if any(a in t for a in artists) else 0.0 for t in times
            ]
            lines.append([row.row.label, *cells, *(f"{s:.2f}" for s in seconds)])
        return Table(
            "",
            heads,
            lines,
            f"{len(artists)} artists, the first {photos} photos of each; all rows on just these.",
        )

    def markdown(self) -> str:
        """The whole page."""
        lines = [f"# {self.title}", "", *self.preamble(), ""]
        for heading, tables in self.sections:
            lines += [f"## {heading}", "", *(part for table in tables for part in (table.markdown(), ""))]
        lines += ["## Columns", "", glossary().markdown(), ""]
        return "\n".join(lines)

    def preamble(self) -> list[str]:
        """What was measured on what, a paragraph each."""
        s, arguments, machine = self.summary, self.summary["arguments"], self.summary["machine"]
        checkpoint = s["checkpoint"]
        lines = [
            f"{len(s['artists'])} artists, {len(s['photos'])} photos each, seed {arguments['seed']}; "
            + (f"checkpoint `{checkpoint['sha256'][:12]}`; " if checkpoint else "no checkpoint; ")
            + f"artists are looked up among {s['gallery']}. {machine['processor']}, {machine['cores']} cores"
            + (f", {s['device']}" if s.get("device") else "")
            + ". Means over artists, in brackets bootstrap 95 % intervals over artists (the same draws for "
            "every row); unseen works are works of the artist that no method saw. K = "
            + ", ".join(f"{k}: {sum(1 for _ in self._artists(k))} artists" for k in self.ks)
            + ".",
        ]
        if len(s["artists"]) < FEW_ARTISTS:
            lines += ["", f"**Fewer than {FEW_ARTISTS} artists: the intervals mean little.**"]
        for name, search in self.searches.items():
            lines += ["", f"{name}: {search.sentence()}."]
        for note in self.notes:
            lines += ["", note]
        return lines

    def _artists(self, k: int) -> Iterable[str]:
        rows = self.results.at(k)
        return rows[0].values if rows else ()

    def document(self) -> dict[str, Any]:
        """Everything, with the values behind the means, for JSON."""
        return {
            **self.summary,
            "verdicts": [asdict(line) for line in self.verdicts],
            "rate_searches": {name: asdict(search) for name, search in self.searches.items()},
            "columns": {column.key: column.meaning for column in COLUMNS.values()},
            "rows": [row_document(row) for row in self.results.rows.values()],
            "matched": [asdict(row) for k in self.ks for row in matched_rows(self.results, k)],
        }


def row_document(row: RowResult) -> dict[str, Any]:
    """Means with intervals, and the values behind them."""
    means = {}
    for column in COLUMNS:
        if values := row.artist_means(column):
            means[column] = asdict(bootstrap.mean(list(values.values())))
    return {
        "label": row.row.label,
        "family": row.row.family.value,
        "k": row.k,
        "steps": row.row.steps,
        "strength": row.row.strength,
        "means": means,
        "prepare_seconds": row.prepare_seconds,
        "photo_seconds": row.photo_seconds,
        "per_artist": {artist: asdict(values) for artist, values in row.values.items()},
    }


def column_tables(rows: Sequence[Any], values: Callable[[Any, str], Mapping[str, float]]) -> list[Table]:
    """One table for each group of columns; columns and rows without a value are left out."""
    tables = []
    for title, keys in TABLES.items():
        columns = [column for column in keys if any(values(row, column) for row in rows)]
        if not columns:
            continue
        heads = ["row", *(f"{COLUMNS[c].heading} {ARROWS[COLUMNS[c].better]}" for c in columns)]
        lines = [
            [_label(row), *(_cell(list(values(row, column).values())) for column in columns)] for row in rows
        ]
        tables.append(Table(title, heads, [line for line in lines if set(line[1:]) != {"-"}]))
    return tables


def verdict_table(lines: Sequence[Verdict]) -> Table:
    """Item, measured value, bar, pass or fail."""
    return Table(
        "",
        ["item", "what", "measured", "bar", ""],
        [[str(line.item), line.text, line.value, line.bar, line.word] for line in lines],
    )


def glossary() -> Table:
    """What each column is and what it cannot see."""
    return Table(
        "",
        ["column", "better", "what it is", "what it is blind to"],
        [[c.heading, c.better.value, c.meaning, c.blind_to] for c in COLUMNS.values()],
    )


def _values(row: RowResult, column: str) -> Mapping[str, float]:
    return row.artist_means(column)


def _matched_values(row: Matched, column: str) -> Mapping[str, float]:
    return row.values.get(column, {})


def _label(row: RowResult | Matched) -> str:
    if isinstance(row, RowResult):
        return row.row.label
    strength = fmean(row.strengths.values())
    short = f"; {row.unreached} artists stay below" if row.unreached else ""
    short += f"; {row.exceeded} are above at every strength" if row.exceeded else ""
    return f"K = {row.k}: {row.label} (mean strength {strength:.2f}{short})"


def _cell(values: Sequence[float], *, interval: bool = True) -> str:
    if not values:
        return "-"
    if not interval:
        return f"{fmean(values):.3f}"
    found = bootstrap.mean(list(values))
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
