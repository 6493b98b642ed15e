"""Sinusoid regression of Finn et al. 2017, small: the figures of the page come from the benchmark."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from benchmarks.sinusoid import RECIPES, best_rates, curve, meta_train, pretrain, sgd
from model.maml import AlgorithmName, ModuleStart
from model.maml.examples.sinusoid import Sinusoids

pytestmark = pytest.mark.timeout(600)  # 15 s alone; a busy machine takes far longer

STEPS = (1, 5, 10)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tensors this small only lose by more
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pretrained(_one_thread: None) -> dict[int, float]:
    """Error of a jointly trained network after fine-tuning at the rate that is best on the test tasks."""
    net, test = pretrain(0, 1000), Sinusoids(2000, query=100).draw(300)
    rates = best_rates(net, test, STEPS)  # chosen on the test tasks themselves: in favour of this row
    return {k: curve(net, sgd(net, lr), test, k)[k].mean().item() for k, lr in rates.items()}


@pytest.mark.parametrize("name", ["maml", "meta-sgd"])
def test_one_step_beats_ten_of_a_pretrained_network(
    name: AlgorithmName, pretrained: dict[int, float]
) -> None:
    recipe = replace(RECIPES[name], iterations=500)
    learner = meta_train(recipe, 0)
    assert isinstance(learner.start, ModuleStart)
    test = Sinusoids(2000, query=100).draw(300)
    errors = curve(learner.start.module, learner.rule, test, 10).mean(1).tolist()
    assert errors[0] > 2.5, "before adaptation nothing is known of the sinusoid"
    assert errors[1] < 0.6 * pretrained[1]
    assert errors[1] < 0.6 * pretrained[10]
    assert errors[10] < errors[5] < errors[1], "trained for one step, yet more steps help"
