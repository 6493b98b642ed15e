"""Verdicts of a judge: which side is preferred, and a grade for each result."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.errors import BenchmarkError

COLUMNS = ("pair", "preferred", "left_grade", "right_grade")
CHOICE = COLUMNS[:2]  # of texts, which get no grades


class Side(StrEnum):
    """The side of a pair that is preferred."""

    LEFT = "left"
    RIGHT = "right"


class Grade(StrEnum):
    """What a result is, whatever stands beside it."""

    STYLE = "in the style"
    FILTER = "mild filter"
    UGLY = "ugly"


@dataclass(frozen=True)
class Verdict:
    """One judge's word on one pair."""

    pair: int
    preferred: Side
    left_grade: Grade | None
    right_grade: Grade | None


def write_form(path: Path, numbers: Iterable[int], columns: Sequence[str] = COLUMNS) -> None:
    """Write a form with a line for each pair, to be filled in."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([number, *[""] * (len(columns) - 1)] for number in numbers)


def read_form(path: Path) -> list[Verdict]:
    """Verdicts of a form; lines with nothing beside the number are left out.

    Grades may be shortened (``style``, ``filter``, ``ugly``); capitals do not matter.

    Raises:
        BenchmarkError: no such file, other columns, or a line that means nothing: the text names it.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchmarkError(f"{path} cannot be read: give the form that --blind wrote, filled in") from error
    cells = [[cell.strip().lower() for cell in row] for row in rows]
    columns = tuple(cells[0]) if cells else ()
    if columns not in (COLUMNS, CHOICE):
        raise BenchmarkError(f"{path} is no verdict form: its first line must be {','.join(COLUMNS)}")
    found: dict[int, Verdict] = {}
    for number, row in enumerate(cells[1:], start=2):
        if not any(row[1:]):
            continue
        try:
            verdict = _verdict(row, columns)
        except ValueError as error:
            raise BenchmarkError(f"{path}, line {number}: {error}") from error
        if verdict.pair in found:
            raise BenchmarkError(
                f"{path}, line {number}: pair {verdict.pair} was judged before; keep one line"
            )
        found[verdict.pair] = verdict
    return list(found.values())


def _verdict(row: Sequence[str], columns: Sequence[str]) -> Verdict:
    if len(row) != len(columns) or not row[0].isdecimal():
        raise ValueError(f"a line is {','.join(columns)}, the pair a number")
    if row[1] not in list(Side):
        raise ValueError(f"preferred is left or right, not {row[1]!r}")
    left, right = map(_grade, row[2:]) if len(row) > 2 else (None, None)
    return Verdict(int(row[0]), Side(row[1]), left, right)


def _grade(word: str) -> Grade:
    for grade in Grade:
        if word in (grade, grade.rsplit(" ")[-1]):
            return grade
    raise ValueError(f"a grade is {', '.join(Grade)}, not {word!r}")
