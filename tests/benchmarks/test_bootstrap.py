"""Intervals: coverage of a known mean, pairing, what is refused."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from benchmarks import bootstrap


def test_interval_covers_the_known_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    intervals = [bootstrap.mean(rng.normal(3.0, 1.0, 40), seed=i) for i in range(60)]
    covered = sum(interval.low <= 3.0 <= interval.high for interval in intervals)
    assert 49 <= covered <= 60  # 95 % of 60 is 57, a standard deviation is 1.7
    assert np.mean([i.high - i.low for i in intervals]) == pytest.approx(2 * 1.96 / np.sqrt(40), rel=0.1)


def test_the_estimate_is_the_mean_and_lies_inside() -> None:
    interval = bootstrap.mean([1.0, 2.0, 6.0])
    assert interval.value == 3.0
    assert interval.low < 3.0 < interval.high


def test_equal_values_leave_no_doubt() -> None:
    interval = bootstrap.mean([0.5] * 10)
    assert (interval.low, interval.value, interval.high) == (0.5, 0.5, 0.5)


def test_pairing_removes_what_artists_have_in_common() -> None:
    # artists differ wildly, the effect is the same for each: the change is known exactly
    before = np.array([1.0, 10.0, 100.0, 1000.0])
    interval = bootstrap.relative_change(0.8 * before, before)
    assert interval.value == pytest.approx(-20)
    assert interval.low == pytest.approx(-20)
    assert interval.high == pytest.approx(-20)
    difference = bootstrap.mean_difference(before - 0.25, before)
    assert difference.low == difference.high == -0.25


def test_change_is_of_the_means() -> None:
    assert bootstrap.relative_change([1.0, 9.0], [2.0, 8.0]).value == 0


def test_no_effect_is_inside_the_interval() -> None:
    rng = np.random.default_rng(3)
    base = rng.uniform(1, 2, 60)
    interval = bootstrap.relative_change(base + rng.normal(0, 0.1, 60), base)
    assert interval.low < 0 < interval.high


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]]])
def test_refuses_what_is_not_one_value_an_artist(values: ArrayLike) -> None:
    with pytest.raises(ValueError, match="one value an artist"):
        bootstrap.mean(values)


def test_refuses_unpaired_values() -> None:
    with pytest.raises(ValueError, match="not paired"):
        bootstrap.relative_change([1.0, 2.0], [1.0, 2.0, 3.0])
