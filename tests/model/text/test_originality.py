import numpy as np
import pytest

from model.text.originality import RunIndex


@pytest.fixture
def index():
    return RunIndex(np.array([5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 0, 7, 8, 2, 0], np.uint16), 3)


def test_the_longest_run_is_found_with_its_place(index):
    shared = index.compare([9, 9, 6, 7, 8, 9, 1])
    assert (shared.longest, shared.own, shared.place) == (4, 2, 1)
    assert shared.share == pytest.approx(2 / 5)
    assert index.text_at(shared.place) == 0


def test_a_run_does_not_reach_over_the_end_of_a_text(index):
    assert index.compare([8, 9, 1, 2]).longest == 0
    assert index.compare([9, 0, 1]).longest == 0


def test_texts_can_be_left_out(index):
    assert index.compare([1, 2, 3, 4], leave_out=range(1, 2)).longest == 0
    assert index.compare([1, 2, 3, 4], leave_out=range(1)).longest == 4


def test_what_follows_a_run(index):
    assert index.following([7, 8]) == {9, 2}
    assert index.following([3, 4]) == set()
    assert index.following([4, 0]) == set()


def test_a_text_shorter_than_a_run_shares_nothing(index):
    assert index.compare([7, 8]) == index.compare([])
