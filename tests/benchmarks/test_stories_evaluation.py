"""What learning an author brings, measured with a tiny language model."""

from dataclasses import replace

import pytest

from benchmarks.evaluation.poems import summary
from benchmarks.evaluation.stories import (
    StoriesOptions,
    fixed,
    in_context,
    make_folds,
    measure,
    table,
    without_effect,
)
from model.text.stories.base import StoriesBase
from model.text.stories.works import part_of
from tests.model.text.test_stories import base  # noqa: F401
from tests.model.text.test_stories_training import make_authors

OPTIONS = StoriesOptions(steps=(0, 2), works=2, query=2)


def test_who_is_measured_is_held_out_and_other_works_are_predicted(base: StoriesBase):  # noqa: F811
    authors = make_authors("Wilde_Oscar", "Nesbit_E", "Alcott_Louisa_May")
    folds = make_folds(authors, "held out", base, OPTIONS)
    assert [fold.author for fold in folds] == ["Wilde_Oscar", "Nesbit_E"]
    assert all(part_of(fold.author) == "held out" for fold in folds)
    assert {len(fold.support) for fold in folds} == {2}


def test_nothing_is_learned_in_no_steps_and_something_in_two(base: StoriesBase):  # noqa: F811
    folds = make_folds(make_authors("Wilde_Oscar", "Nesbit_E"), "held out", base, OPTIONS)
    rows = measure(base, folds, fixed(base, 0.02), OPTIONS)
    for row in rows.values():
        assert row["right"][0] == row["wrong"][0]
        assert row["right"][1] < row["right"][0]  # everybody wrote the same here
    found = summary(rows, OPTIONS.steps)
    assert [row["steps"] for row in found] == [0, 2]
    assert found[1]["better"] == 1.0
    assert "| a | 2 |" in table({"a": found, "options": {}})


def test_examples_in_context_help_a_model_or_not_but_change_what_it_expects(base: StoriesBase):  # noqa: F811
    folds = make_folds(make_authors("Wilde_Oscar", "Nesbit_E"), "held out", base, OPTIONS)
    bare = without_effect(replace(base, phi={name: value + 1 for name, value in base.phi.items()}))
    rows = in_context(bare, folds, OPTIONS)
    for row in rows.values():
        assert row["right"][0] == pytest.approx(row["wrong"][0])
        assert row["right"][1] != row["right"][0]
