"""Which rates an adaptation takes at each level."""

from __future__ import annotations

import pytest
import torch

from model.image.adaptation.inner_learning_rates import DEFAULT_RATE, level_rates
from model.image.pyramid import SIDES
from model.maml import LearningRates

SHAPES = {"a.gamma": torch.Size([2]), "a.beta": torch.Size([2])}
STORED = {
    f"{level}/{name}": torch.tensor([0.01, 0.02]) * (level + 1)
    for level in range(len(SIDES))
    for name in SHAPES
}


def table(rates: LearningRates, steps: int) -> dict[str, list[float]]:
    with torch.no_grad():
        return {name: [float(rates(name, step)) for step in range(steps)] for name in SHAPES}


def test_every_level_has_the_rates_that_were_learned_for_it() -> None:
    for level, rates in enumerate(level_rates(SHAPES, STORED)):
        own = [0.01 * (level + 1), 0.02 * (level + 1), 0.02 * (level + 1)]  # beyond the learned: the last
        assert table(rates, 3) == {name: pytest.approx(own) for name in SHAPES}


def test_one_rate_for_all_levels_and_tensors() -> None:
    found = level_rates(SHAPES, STORED, 0.05)
    assert len(found) == len(SIDES)
    for rates in found:
        assert table(rates, 2) == {name: pytest.approx([0.05] * 2) for name in SHAPES}


def test_what_was_not_learned_has_the_default() -> None:
    first, *others = level_rates(SHAPES, {"0/a.beta": torch.tensor([0.3])})
    assert table(first, 1) == {"a.gamma": pytest.approx([DEFAULT_RATE]), "a.beta": pytest.approx([0.3])}
    for rates in others:
        assert table(rates, 1) == {name: pytest.approx([DEFAULT_RATE]) for name in SHAPES}
