"""Which rates an adaptation takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model.adaptation import AdaptConfig
from model.checkpoint import load_base
from model.engine import Engine
from model.inner_rates import served_rates
from model.maml import LearningRates


def table(rates: LearningRates, shapes: dict[str, torch.Size], steps: int) -> dict[str, list[float]]:
    with torch.no_grad():
        return {name: [float(rates(name, step)) for step in range(steps)] for name in shapes}


def test_one_rate_for_all_or_the_learned_ones() -> None:
    shapes = {"a.gamma": torch.Size([2]), "a.beta": torch.Size([2])}
    learned = {"a.gamma": torch.tensor([0.01, 0.02]), "a.beta": torch.tensor([0.03, 0.04])}
    one = table(served_rates(shapes, learned, 0.05), shapes, 3)
    assert one == {name: pytest.approx([0.05] * 3) for name in shapes}
    own = table(served_rates(shapes, learned, None), shapes, 3)
    assert own["a.gamma"] == pytest.approx([0.01, 0.02, 0.02])  # beyond the learned steps: the last
    assert own["a.beta"] == pytest.approx([0.03, 0.04, 0.04])


@pytest.mark.parametrize("rate", [0.05, None])
def test_the_engine_takes_what_its_configuration_says(rate: float | None) -> None:
    base = load_base()
    engine = Engine(base, torch.device("cpu"), replace(AdaptConfig(), rate=rate), renderer="torch")
    with torch.no_grad():
        found = float(engine.rates("block0.conv1.gamma", 0))
    assert found == pytest.approx(rate or float(base.rates["block0.conv1.gamma"][0]))
