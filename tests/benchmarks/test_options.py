"""The command line's words, and which loops the steps need."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.methods import Family
from benchmarks.evaluation.options import (
    Options,
    parse_ks,
    parse_numbers,
    parse_rows,
    parse_settings,
    parse_slow_limit,
    parse_steps,
)
from benchmarks.evaluation.rates import RateSearch, bracketed
from model.image.adaptation.config import AdaptConfig


def test_steps_are_sorted_and_default_is_filled_in() -> None:
    assert parse_steps("default,10,0,10", 15) == [0, 10, 15]
    assert parse_steps("0, 15, default", 15) == [0, 15]
    for wrong in ("", "five", "1,-2"):
        with pytest.raises(BenchmarkError):
            parse_steps(wrong, 15)


def test_numbers_of_examples() -> None:
    assert parse_ks("5,1,3") == (1, 3, 5)
    for wrong in ("", "0,1", "17", "1.5", "few"):
        with pytest.raises(BenchmarkError, match="--k"):
            parse_ks(wrong)
    assert parse_numbers("1.5,0.5", "--strengths", least=0, most=3) == (0.5, 1.5)


def test_rows() -> None:
    assert parse_rows("all") == frozenset(Family)
    assert parse_rows("ours, magenta") == {Family.OURS, Family.MAGENTA}
    with pytest.raises(BenchmarkError, match="knows no gatys"):
        parse_rows("ours,gatys")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"rows": frozenset({Family.NO_META})}, "needs a checkpoint: give --no-meta"),
        ({"rows": frozenset({Family.SETTINGS})}, "needs settings: give --settings NAME=VALUE"),
        ({"rows": frozenset({Family.OURS}), "no_meta": Path("x")}, "leaves no-meta out"),
        ({"rows": frozenset({Family.OURS}), "baselines": (Path("x"),)}, "leaves baseline out"),
    ],
)
def test_rows_and_their_checkpoints_belong_together(how: dict[str, Any], said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        Options(Path(), Path(), **how).check()
    Options(Path(), Path()).check()  # all rows: those without a checkpoint are left out and reported so


def test_settings_change_numbers_of_the_inner_loop_and_nothing_else() -> None:
    base = AdaptConfig()
    found = parse_settings("critic=0.5, steps=12,rate_scale=1.5,rate=0.03", base)
    assert found == replace(base, critic=0.5, steps=12, rate_scale=1.5, rate=0.03)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "knows no ''"),
        ("details=3", "knows no 'details'; it takes NAME=VALUE,... of bank, critic, decay_from, held_out"),
        ("levels=3", "knows no 'levels'"),
        ("critic", "a number for critic, not ''"),
        ("steps=2.5", "a number for steps, not '2.5'"),
    ],
)
def test_wrong_settings_are_told(text: str, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        parse_settings(text, AdaptConfig())


def test_slow_limit() -> None:
    assert parse_slow_limit("4x2") == (4, 2)
    for wrong in ("4", "0x1", "4x", "axb"):
        with pytest.raises(BenchmarkError, match="ARTISTSxPHOTOS"):
            parse_slow_limit(wrong)


@pytest.mark.parametrize(
    ("ks", "main", "chosen"), [((1, 3, 5, 8), None, 5), ((1, 3), None, 3), ((1, 5), 4, 4)]
)
def test_all_rows_are_measured_at_five_examples_if_nothing_else_is_said(
    ks: tuple[int, ...], main: int | None, chosen: int
) -> None:
    assert Options(Path(), Path(), ks=ks, main_k=main).chosen_k == chosen


@pytest.mark.parametrize(
    ("best", "found", "tried"), [(0.03, 0.03, 4), (0.3, 0.3, 6), (0.0009, 0.0009, 6), (50.0, 3.0, 7)]
)
def test_a_best_rate_at_an_end_is_looked_for_beyond_it(best: float, found: float, tried: int) -> None:
    losses = bracketed(lambda rate: abs(rate - best), (0.003, 0.01, 0.03, 0.1))
    search = RateSearch(losses, 24, ("someone",))
    assert search.best == pytest.approx(found)
    assert len(losses) == tried
    assert list(losses) == sorted(losses)
    assert f"rate {found:g}" in search.sentence()
