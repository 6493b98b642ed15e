"""What the evaluation must show: every item with its measured value, its bar, and whether it is reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from benchmarks.evaluation.columns import COLUMNS
from benchmarks.evaluation.matching import Matched, curve_of, match
from benchmarks.evaluation.methods import Family
from benchmarks.evaluation.results import Comparison, Results, RowResult, compare

IMPROVED = 0.85  # share of artists
SECOND_NETWORK = 0.75  # of the best one-shot row, distance to the examples
LOSS_NETWORK = 0.55
TIME = 0.01  # of the direct optimization's
SWEEP_STEPS = (0, 1, 5, 10, 20)


@dataclass(frozen=True)
class Verdict:
    """One line: ``passed`` is None where nothing could be measured or there is no bar."""

    item: int
    text: str
    value: str
    bar: str
    passed: bool | None

    @property
    def word(self) -> str:
        """For tables."""
        return {True: "pass", False: "FAIL", None: "-"}[self.passed]


def verdicts(results: Results, main_k: int, ks: Sequence[int]) -> list[Verdict]:
    """Items 1 to 6, in order; what was not run is said to be not measured."""
    shot_ks = [k for k in (4, 5) if k in ks] or [main_k]
    lines = [line for k in dict.fromkeys((1, main_k)) if k in ks for line in zero_steps(results, k)]
    lines += [line for k in shot_ks for line in default_steps(results, k)]
    lines += [*adaptation_helps(results, main_k), *steps_monotone(results, main_k), *over_k(results, ks)]
    lines += [*direct(results, main_k), *meta_learning(results, main_k)]
    lines.append(
        Verdict(6, "checkerboards, blotches, faded averages, faces: look at the sheets", "-", "-", None)
    )
    return lines


def matched_rows(results: Results, k: int) -> list[Matched]:
    """Our curves at Magenta's distances from the photo."""
    rival = _rival(results, k)
    found = []
    if rival is not None:
        for row in (_ours(results, k, steps=0), _ours(results, k, is_default=True)):
            if row is not None:
                curve = curve_of(results, k, row.row.curve)
                found += [
                    match(curve, rival, columns) for columns in (("content",), ("content", "structure"))
                ]
    return [matched for matched in found if matched is not None]


def zero_steps(results: Results, k: int) -> list[Verdict]:
    """Item 1: zero steps against Magenta at equal content distance, on both networks."""
    rival, ours = _rival(results, k), _ours(results, k, steps=0)
    if rival is None or ours is None:
        return [_missing(1, f"K = {k}: zero steps at Magenta's content distance")]
    matched = match(curve_of(results, k, ours.row.curve), rival)
    if matched is None:
        return [_missing(1, f"K = {k}: zero steps at Magenta's content distance (no strengths were swept)")]
    return _exceeding(1, k, matched) + [
        _ratio(
            1,
            f"K = {k}: zero steps at the content distance of {rival.row.label}, {COLUMNS[column].heading}",
            compare(matched.values.get(column, {}), rival.artist_means(column), column),
            1.0,
        )
        for column in ("vgg_examples", "eff_examples")
    ]


def default_steps(results: Results, k: int) -> list[Verdict]:
    """Item 2: default steps, no further from the photo than Magenta, against the best one-shot row."""
    rival, ours, start = _rival(results, k), _ours(results, k, is_default=True), _ours(results, k, steps=0)
    if rival is None or ours is None:
        return [_missing(2, f"K = {k}: default steps against the best one-shot row")]
    matched = match(curve_of(results, k, ours.row.curve), rival, ("content", "structure"))
    values = matched.values if matched is not None else {c: ours.artist_means(c) for c in COLUMNS}
    where = "at Magenta's content and structure" if matched is not None else "at strength 1 (nothing swept)"
    lines = [] if matched is None else _exceeding(2, k, matched)
    if matched is None:
        lines += [
            _ratio(2, f"K = {k}: {column}", compare(values[column], rival.artist_means(column), column), 1.0)
            for column in ("content", "structure")
        ]
    bars = {"eff_examples": SECOND_NETWORK, "eff_unseen": 1.0, "vgg_examples": LOSS_NETWORK}
    bars |= dict.fromkeys(("shallow_examples", "color_examples"), 1.0)
    shots = [row for row in results.at(k) if row.row.family is Family.MAGENTA]
    for column, bar in bars.items():
        best = min(shots, key=lambda row: _mean(row.artist_means(column)))
        text = f"K = {k}, {where}: {COLUMNS[column].heading}, of {best.row.label}"
        lines.append(_ratio(2, text, compare(values.get(column, {}), best.artist_means(column), column), bar))
    for column in ("mmd_examples", "mmd_unseen"):  # may be negative: a difference, no ratio
        best = min(shots, key=lambda row: _mean(row.artist_means(column)))
        compared = compare(values.get(column, {}), best.artist_means(column), column)
        lines.append(_difference(f"K = {k}, {where}: {COLUMNS[column].heading}", compared, higher=False))
    for column in ("top1_examples", "top1_unseen"):
        best = max(shots, key=lambda row: _mean(row.artist_means(column)))
        compared = compare(values.get(column, {}), best.artist_means(column), column)
        lines.append(_difference(f"K = {k}, {where}: {COLUMNS[column].heading}", compared, higher=True))
    if start is not None:
        lines += [
            _ratio(
                2,
                f"K = {k}: {COLUMNS[column].heading}, default steps of zero steps",
                compare(ours.artist_means(column), start.artist_means(column), column),
                1.0,
            )
            for column in ("vgg_unseen", "eff_unseen")
        ]
    return lines


def _exceeding(item: int, k: int, matched: Matched) -> list[Verdict]:
    """Nothing when every artist could be matched: else its figures are of results farther from the photo."""
    if not matched.exceeded:
        return []
    said = f"{matched.exceeded} of {len(matched.strengths)}"
    text = f"K = {k}: artists farther from the photo than Magenta at every strength, {matched.label}"
    return [Verdict(item, text, said, "0", False)]


def adaptation_helps(results: Results, k: int) -> list[Verdict]:
    """Item 3: the share of artists that improve with adaptation."""
    ours, start = _ours(results, k, is_default=True), _ours(results, k, steps=0)
    lines = []
    for column in ("vgg_examples", "eff_examples", "vgg_unseen", "eff_unseen"):
        text = f"K = {k}: artists that improve with adaptation, {COLUMNS[column].heading}"
        if ours is None or start is None:
            lines.append(_missing(3, text))
            continue
        compared = compare(ours.artist_means(column), start.artist_means(column), column)
        assert compared is not None
        bar = IMPROVED if column.endswith("examples") else None
        share = compared.improved_share
        lines.append(
            Verdict(
                3,
                text,
                f"{share:.0%} of {compared.artists}",
                f">= {bar:.0%}" if bar else "-",
                share >= bar if bar else None,
            )
        )
    return lines


def steps_monotone(results: Results, k: int) -> list[Verdict]:
    """Item 3: the median distance to the examples falls from step to step."""
    rows = [row for row in (_ours(results, k, steps=s) for s in SWEEP_STEPS) if row is not None]
    lines = []
    for column in ("vgg_examples", "eff_examples"):
        if len(rows) < 2:
            lines.append(_missing(3, f"K = {k}: median over steps, {COLUMNS[column].heading}"))
            continue
        medians = [median(row.artist_means(column).values()) for row in rows]
        steps = ", ".join(str(row.row.steps) for row in rows)
        text = f"K = {k}: median over {steps} steps, {COLUMNS[column].heading}"
        lines.append(Verdict(3, text, _chain(medians), "falls", _falls(medians)))
    return lines


def over_k(results: Results, ks: Sequence[int]) -> list[Verdict]:
    """Item 3: the distance to unseen works falls with K, and results do not fade.

    Every two neighbouring K are compared on the artists that have works enough for both.
    """
    rows = [(k, row) for k in sorted(ks) if (row := _ours(results, k, is_default=True)) is not None]
    lines = []
    for column in ("vgg_unseen", "eff_unseen"):
        text = f"default steps over K, {COLUMNS[column].heading}"
        pairs = [
            (k, other, compared)
            for (k, before), (other, after) in pairwise(rows)
            if (compared := compare(after.artist_means(column), before.artist_means(column), column))
        ]
        if not pairs:
            lines.append(_missing(3, text))
            continue
        said = "; ".join(
            f"K {a} to {b}: {c.before:.3f} to {c.after:.3f} ({c.artists} artists)" for a, b, c in pairs
        )
        lines.append(Verdict(3, text, said, "falls", all(c.after < c.before for _, _, c in pairs)))
    for column in ("saturation", "contrast"):
        if rows:
            said = ", ".join(f"K {k}: {_mean(row.artist_means(column)):.2f}" for k, row in rows)
            lines.append(
                Verdict(
                    3, f"default steps over K, {COLUMNS[column].heading} of the examples'", said, "-", None
                )
            )
    return lines


def direct(results: Results, k: int) -> list[Verdict]:
    """Item 4: the time of direct optimization, on its own photos. Its quality is judged by eye."""
    bound, ours = results.find(k, family=Family.DIRECT), _ours(results, k, is_default=True)
    if bound is None or ours is None:
        return [_missing(4, f"K = {k}: against direct optimization of the picture")]
    artists = [artist for artist in bound.values if artist in ours.values]
    theirs = fmean(bound.photo_seconds[a] for a in artists)
    first = fmean(ours.prepare_seconds[a] + ours.photo_seconds[a] for a in artists)
    further = fmean(ours.photo_seconds[a] for a in artists)
    lines = []
    for text, seconds in (("with the adaptation", first), ("of each further photo", further)):
        value = f"{seconds / theirs:.4f} ({seconds:.2f} s of {theirs:.1f} s)"
        lines.append(Verdict(4, f"K = {k}: time {text}", value, f"<= {TIME:g}", seconds <= TIME * theirs))
    return lines


def meta_learning(results: Results, k: int) -> list[Verdict]:
    """Item 5: the same number of steps with and without meta-learning."""
    lines = []
    for row in results.at(k):
        if row.row.family is not Family.NO_META or not row.row.steps:
            continue
        ours = _ours(results, k, steps=row.row.steps)
        if ours is None:
            continue
        for column in ("vgg_examples", "vgg_unseen", "eff_examples", "eff_unseen"):
            compared = compare(ours.artist_means(column), row.artist_means(column), column)
            text = f"K = {k}, {row.row.steps} steps: {COLUMNS[column].heading}, of no meta-learning"
            lines.append(_ratio(5, text, compared, 1.0))
    return lines or [_missing(5, f"K = {k}: against the same network without meta-learning (--no-meta)")]


def _rival(results: Results, k: int) -> RowResult | None:
    """Magenta from the mean of K vectors; for one example the one vector."""
    name = "Magenta, mean of K" if k > 1 else "Magenta, one example"
    return results.find(k, family=Family.MAGENTA, label=name)


def _ours(results: Results, k: int, **wanted: object) -> RowResult | None:
    return results.find(k, family=Family.OURS, **wanted)


def _mean(values: dict[str, float]) -> float:
    return fmean(values.values()) if values else float("nan")


def _missing(item: int, text: str) -> Verdict:
    return Verdict(item, text, "not measured", "-", None)


def _ratio(item: int, text: str, compared: Comparison | None, bar: float) -> Verdict:
    if compared is None:
        return _missing(item, text)
    change = compared.change_percent
    interval = f" [{1 + change.low / 100:.3f}, {1 + change.high / 100:.3f}]" if change is not None else ""
    means = f"{compared.after:.3f} to {compared.before:.3f}, {compared.artists} artists"
    value = f"{compared.ratio:.3f}{interval} ({means})"
    return Verdict(item, text, value, f"<= {bar:g}", compared.ratio <= bar)


def _difference(text: str, compared: Comparison | None, *, higher: bool) -> Verdict:
    if compared is None:
        return _missing(2, text)
    value = f"{compared.after:.4g} against {compared.before:.4g}, {compared.artists} artists"
    passed = compared.after >= compared.before if higher else compared.after < compared.before
    return Verdict(
        2, text, value, ">= the best one-shot row" if higher else "< the best one-shot row", passed
    )


def _chain(values: Sequence[float]) -> str:
    return (
        " > ".join(f"{value:.3f}" for value in values)
        if _falls(values)
        else ", ".join(f"{v:.3f}" for v in values)
    )


def _falls(values: Sequence[float]) -> bool:
    return all(later < earlier for earlier, later in pairwise(values))
