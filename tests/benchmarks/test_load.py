"""What the load benchmark reads off its samples."""

import pytest

from benchmarks.load.watch import course, summary


def test_a_warm_up_is_no_growth_and_a_leak_is():
    seconds = [float(second) for second in range(0, 1200, 2)]
    plateau = [100 + min(second, 300) / 60 for second in seconds]
    leak = [100 + second / 60 for second in seconds]
    assert summary(seconds, plateau)["slope_per_minute"] == 0
    assert summary(seconds, leak)["slope_per_minute"] == pytest.approx(1)
    assert summary(seconds, leak)["end"] == pytest.approx(119.97, abs=0.1)


def test_the_course_has_fifteen_figures_at_most():
    seconds = [float(second) for second in range(1800)]
    found = course(seconds, [second // 120 for second in seconds])
    assert list(found) == [str(minute) for minute in range(2, 31, 2)]
    assert list(found.values()) == list(range(15))
    assert course([0.0, 2.0], [1.0, 3.0]) == {"1": 2.0}
