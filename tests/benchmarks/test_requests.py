"""What the benchmark of single requests makes of its rounds."""

from benchmarks.requests.report import Figure, figures, table


def test_a_ratio_is_of_the_same_round() -> None:
    # In the second round something else slowed both down: no figure of it alone says who is faster.
    (row,) = figures([Figure("GET /x", 10, [1.0, 8.0, 2.0], [2.0, 16.0, 4.0])])
    assert (row["ms"], row["other_ms"], row["ratio"]) == (2.0, 4.0, 2.0)
    assert row["requests"] == 30
    assert table([row]).splitlines()[2] == "| GET /x | 30 | 2.00 | 4.00 | 2.00 |"


def test_one_checkout_has_no_ratio() -> None:
    rows = figures([Figure("GET /x", 10, [1.0, 3.0])])
    assert table(rows).splitlines() == [
        "| request | number | ms of the API |",
        "| --- | --- | --- |",
        "| GET /x | 20 | 2.00 |",
    ]
