"""Examples as a level sees them: never enlarged, in parts, in turns, each with its share."""

from __future__ import annotations

import random

import pytest
import torch

from model.image.adaptation.examples import PLACES, PLACES_OF_ONE, LevelExamples, observe
from model.image.losses.hypercolumns import CHANNELS
from model.image.losses.objective import Objective
from model.image.network.style_encoder import DESCRIPTION
from model.image.pyramid import SIDES
from tests.model.conftest import picture


def seen(objective: Objective, *sizes: tuple[int, int], level: int) -> list[LevelExamples]:
    works = [picture(i, size) for i, size in enumerate(sizes)]
    return observe(objective, works, level, random.Random(0))


@pytest.mark.parametrize("level", range(len(SIDES)))
def test_no_example_is_enlarged(objective: Objective, level: int) -> None:
    """A work of 40 x 32 pixels has 80 places a look, at every level; at the coarse ones it is seen in four
    turns."""
    (found,) = seen(objective, (40, 32), level=level)
    assert found.features[0].shape == (80 * (4 if level < 2 else 1), CHANNELS)
    assert found.descriptions.shape == (1, DESCRIPTION)


def test_large_works_are_seen_at_the_levels_size_and_in_parts(objective: Objective) -> None:
    (coarse,) = seen(objective, (400, 200), level=0)
    assert coarse.features[0].shape[0] == 4 * 16 * 8
    (fine,) = seen(objective, (700, 400), level=3)  # a part of 256 x 256 pixels has 4096 places
    assert fine.features[0].shape[0] == PLACES_OF_ONE
    assert fine.features[0].dtype == torch.bfloat16


def test_works_of_a_few_pixels_can_be_learned_from(objective: Objective) -> None:
    for size in ((1, 1), (3, 90), (17, 16)):
        (found,) = seen(objective, size, level=3)
        assert bool(torch.isfinite(found.places.variance).all())
        assert bool(torch.isfinite(found.descriptions).all())


@pytest.mark.parametrize("k", [1, 3, 16])
def test_every_work_has_its_share_of_the_places(objective: Objective, k: int) -> None:
    one = seen(objective, (256, 128), level=2)[0]
    marked = [
        LevelExamples([one.features[0] * 0 + i], one.light, one.statistics, one.descriptions)
        for i in range(k)
    ]
    joined = LevelExamples.join(marked)
    found = torch.bincount(joined.places.features[:, 0].long(), minlength=k).tolist()
    assert found == [min(len(one.features[0]), PLACES // k)] * k
    assert joined.descriptions.shape == (k, DESCRIPTION)
    assert len(joined.statistics) == k
    assert len(joined.pooled) == 1


def test_a_seed_sees_the_same_parts(objective: Objective) -> None:
    first, second = (seen(objective, (700, 400), level=3)[0] for _ in range(2))
    assert torch.equal(first.features[0], second.features[0])
