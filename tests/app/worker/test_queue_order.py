"""Interactive jobs first, and no kind starves."""

from __future__ import annotations

from collections import Counter

from app.worker.queue_order import PullOrder

KINDS = ("stylize", "stylize_once", "adapt")


def serve(order: PullOrder, waiting: set[str], jobs: int) -> list[str]:
    served = []
    for _ in range(jobs):
        kind = next(kind for kind in order.next() if kind in waiting)
        order.served(kind)
        served.append(kind)
    return served


def test_the_most_interactive_kind_is_looked_for_first():
    assert PullOrder(KINDS).next() == list(KINDS)


def test_no_kind_starves_while_all_have_work():
    counts = Counter(serve(PullOrder(KINDS), set(KINDS), 120))
    assert counts["stylize"] >= 90
    assert counts["stylize_once"] >= 10
    assert counts["adapt"] >= 10


def test_every_waiting_kind_is_served_within_twelve_jobs():
    served = serve(PullOrder(KINDS), set(KINDS), 60)
    for start in range(len(served) - 12):
        assert set(served[start : start + 12]) == set(KINDS)


def test_a_kind_alone_is_always_served():
    assert serve(PullOrder(KINDS), {"adapt"}, 5) == ["adapt"] * 5
