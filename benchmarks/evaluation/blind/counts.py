"""Counts of verdicts by style and in all, with Wilson's 95 % intervals."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.pairs import Key, Pair
from benchmarks.evaluation.blind.verdicts import Grade, Side, Verdict, read_form
from benchmarks.tables import table

ALL = "in all"


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    count: int
    total: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Wilson's score interval (Wilson 1927): also for few, none or all it stays within 0..1."""
        if not self.total:
            return 0.0, 1.0
        z = NormalDist().inv_cdf((1 + level) / 2)
        share, spread = self.count / self.total, z * z / self.total
        middle = (share + spread / 2) / (1 + spread)
        reach = z / (1 + spread) * math.sqrt(share * (1 - share) / self.total + spread / self.total / 4)
        return max(0.0, middle - reach), min(1.0, middle + reach)

    def __str__(self) -> str:
        if not self.total:
            return "0/0"
        low, high = self.interval()
        return f"{self.count}/{self.total} = {self.count / self.total:.0%} ({low:.0%} to {high:.0%})"


@dataclass(frozen=True)
class Counts:
    """What one judge said about one set of pairs."""

    methods: tuple[str, str]
    by_style: Mapping[str, Sequence[tuple[Pair, Verdict]]]  # the last one is ``ALL``
    missing: int  # pairs without a verdict

    def preferred(self, style: str, method: str) -> Share:
        """How often a method was preferred."""
        judged = self.by_style[style]
        return Share(sum(_preferred(pair, verdict) == method for pair, verdict in judged), len(judged))

    def graded(self, style: str, method: str, grade: Grade) -> Share:
        """How many results of a method got a grade."""
        judged = self.by_style[style]
        return Share(sum(_grade(pair, verdict, method) is grade for pair, verdict in judged), len(judged))

    def markdown(self) -> str:
        """Tables: preferences, then the grades of both methods; shares with their 95 % intervals."""
        first, second = self.methods
        parts = [
            f"{len(self.by_style[ALL])} pairs judged, {self.missing} not yet; in brackets 95 % intervals.",
            f"Preferred: {first} to {second}",
            table(
                ["style", f"{first} preferred"],
                [[style, str(self.preferred(style, first))] for style in self.by_style],
            ),
        ]
        for method in self.methods:
            lines = [
                [style, *(str(self.graded(style, method, grade)) for grade in Grade)]
                for style in self.by_style
            ]
            parts += [f"Grades of {method}", table(["style", *Grade], lines)]
        return "\n\n".join(parts)


def count(verdicts: Sequence[Verdict], key: Key) -> Counts:
    """Look every verdict up in the key.

    Raises:
        BenchmarkError: no verdict, or one on a pair that the key does not have.
    """
    pairs = {pair.pair: pair for pair in key.pairs}
    if unknown := sorted(verdict.pair for verdict in verdicts if verdict.pair not in pairs):
        raise BenchmarkError(f"the key has no pair {unknown[0]}: it belongs to another set of sheets")
    if not verdicts:
        raise BenchmarkError("nothing was judged: fill the form in first")
    judged = [(pairs[verdict.pair], verdict) for verdict in sorted(verdicts, key=lambda v: v.pair)]
    styles = sorted({pair.style for pair, _ in judged})
    by_style = {style: [line for line in judged if line[0].style == style] for style in styles}
    return Counts(key.methods, by_style | {ALL: judged}, len(pairs) - len(judged))


def agreement(first: Sequence[Verdict], second: Sequence[Verdict]) -> Share:
    """On how many of the pairs that both judged they prefer the same side."""
    others = {verdict.pair: verdict.preferred for verdict in second}
    both = [verdict for verdict in first if verdict.pair in others]
    return Share(Counter(others[v.pair] == v.preferred for v in both)[True], len(both))


def count_forms(forms: Sequence[Path], key_file: Path) -> str:
    """Counts of every form as Markdown, and how far the judges agree when there are several.

    Raises ``BenchmarkError``.
    """
    key = Key.read(key_file)
    return report([(str(form), read_form(form)) for form in forms], key)


def report(judged: Sequence[tuple[str, Sequence[Verdict]]], key: Key) -> str:
    """Counts of every judge as Markdown, each under a heading of its own when there are several."""
    parts = []
    for name, verdicts in judged:
        parts += [f"## {name}"] if len(judged) > 1 else []
        parts.append(count(verdicts, key).markdown())
    for index, (name, verdicts) in enumerate(judged):
        for other, others in judged[index + 1 :]:
            parts.append(f"{name} and {other} prefer the same result: {agreement(verdicts, others)}")
    return "\n\n".join(parts)


def _preferred(pair: Pair, verdict: Verdict) -> str:
    return pair.left if verdict.preferred is Side.LEFT else pair.right


def _grade(pair: Pair, verdict: Verdict, method: str) -> Grade:
    return verdict.left_grade if pair.left == method else verdict.right_grade
