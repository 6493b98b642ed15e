"""Counts of verdicts by style and in all, with Wilson's 95 % intervals."""

import math
from collections import Counter, defaultdict
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
    """What was said about one set of pairs, by one judge or by several."""

    methods: tuple[str, str]
    by_style: Mapping[str, Sequence[tuple[Pair, Verdict]]]  # the last one is ``ALL``
    missing: int  # pairs without a verdict

    def preferred(self, style: str, method: str) -> Share:
        """How often a method was preferred, of all verdicts."""
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
            f"{len(self.by_style[ALL])} verdicts, {self.missing} pairs not judged. Intervals of 95 %.",
            f"Preferred: {first} to {second}",
            table(
                ["style", f"{first} preferred"],
                [[style, str(self.preferred(style, first))] for style in self.by_style],
            ),
        ]
        graded = any(verdict.left_grade for _, verdict in self.by_style[ALL])
        for method in self.methods if graded else ():
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
    return Counts(key.methods, by_style | {ALL: judged}, len(pairs) - len({pair.pair for pair, _ in judged}))


def agreement(judges: Sequence[Sequence[Verdict]]) -> Share:
    """How often two judges prefer the same side: over all pairs, and all two judges of each."""
    sides: dict[int, Counter[Side]] = defaultdict(Counter)
    for verdict in (verdict for verdicts in judges for verdict in verdicts):
        sides[verdict.pair][verdict.preferred] += 1
    same = sum(math.comb(votes, 2) for counter in sides.values() for votes in counter.values())
    return Share(same, sum(math.comb(counter.total(), 2) for counter in sides.values()))


def count_forms(forms: Sequence[Path], key_file: Path) -> str:
    """Counts of every form as Markdown, and how far the judges agree when there are several.

    Raises ``BenchmarkError``.
    """
    key = Key.read(key_file)
    return report([(str(form), read_form(form)) for form in forms], key)


def report(judged: Sequence[tuple[str, Sequence[Verdict]]], key: Key) -> str:
    """Counts as Markdown: of every judge, and of all together when there are several.

    Raises:
        BenchmarkError: nobody voted, or on a pair that the key does not have.
    """
    if not judged:
        raise BenchmarkError("nothing was judged: let somebody vote first")
    if len(judged) == 1:
        return count(judged[0][1], key).markdown()
    parts = []
    for name, verdicts in judged:
        parts += [f"## {name}", count(verdicts, key).markdown()]
    every = [verdict for _, verdicts in judged for verdict in verdicts]
    parts += [
        f"## All {len(judged)} judges",
        "Every vote counts. Votes on one pair are not independent: the intervals are too narrow here.",
        count(every, key).markdown(),
        f"Two judges of one pair prefer the same result: {agreement([verdicts for _, verdicts in judged])}",
    ]
    return "\n\n".join(parts)


def _preferred(pair: Pair, verdict: Verdict) -> str:
    return pair.left if verdict.preferred is Side.LEFT else pair.right


def _grade(pair: Pair, verdict: Verdict, method: str) -> Grade | None:
    return verdict.left_grade if pair.left == method else verdict.right_grade
