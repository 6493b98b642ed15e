"""The example programs show what they promise, in a small form."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from model.maml.examples import characters, sinusoid


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_one_step_on_five_points_helps_the_meta_trained_network_alone() -> None:
    unseen = sinusoid.Sinusoids(2, query=50).draw(100)
    joint = sinusoid.errors(sinusoid.train_jointly(300), unseen, 0.01)
    adapted = sinusoid.errors(sinusoid.meta_train(300), unseen, 0.01)
    assert adapted[1] < 0.6 * adapted[0]
    assert adapted[1] < 0.7 * joint[1]


def test_an_unseen_author_is_learned_from_half_a_page() -> None:
    scores = characters.adapt_to("virgil", steps=40)
    assert scores[-1] < 2.9 < scores[0]
