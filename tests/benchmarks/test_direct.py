"""The picture optimized directly: its pyramid, its matching, and that it goes to the examples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.evaluation.direct import (
    SHARES,
    Direct,
    Places,
    bands,
    committed_loss,
    compose,
    sides,
    steps_of,
)
from benchmarks.evaluation.methods import Case
from benchmarks.evaluation.selection import to_tensor


@pytest.fixture(scope="module")
def direct() -> Direct:
    return Direct(torch.device("cpu"), iterations=40)


def stripes(color: tuple[int, int, int], size: int = 48) -> Image.Image:
    """Thick stripes in black and a color: a style that no photo has."""
    on = (np.arange(size) // 4 % 2)[:, None, None] * np.array(color)
    return Image.fromarray(np.broadcast_to(on, (size, size, 3)).astype(np.uint8))


def photo(size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Dark on the left, bright on the right."""
    across = np.linspace(40, 220, size[0])[None, :, None]
    return Image.fromarray(np.broadcast_to(across, (size[1], size[0], 3)).astype(np.uint8))


@pytest.mark.parametrize("size", [(64, 48), (37, 91), (16, 16)])
def test_a_pyramid_is_put_together_again(size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    parts = bands(picture)
    assert torch.allclose(compose(parts), picture, atol=1e-6)
    assert min(parts[-1].shape[2:]) < 8


def test_levels_double_up_to_the_photos_own_size() -> None:
    assert sides(512) == [64, 128, 256, 512]
    assert sides(480) == [64, 128, 256, 480]
    assert sides(1024) == [64, 128, 256, 512, 1024]
    assert sides(300) == [64, 128, 300]
    assert sides(60) == [60]


def test_all_iterations_are_shared_among_the_levels() -> None:
    assert sum(SHARES) == pytest.approx(1)
    for levels in (4, 5, 6):
        assert sum(steps_of(level, levels, 1000) for level in range(levels)) == pytest.approx(1000, abs=2)
    assert steps_of(3, 4, 1) == 2


def test_places_are_matched_by_direction_and_not_by_length() -> None:
    features = torch.tensor([[4.0, 0.0], [-4.0, 0.0], [0.0, 4.0], [0.0, -4.0]])
    places = Places(features, features / 4, features.mean(0), features.var(0).mean())
    asked = torch.tensor([[0.0, -100.0], [0.3, 0.0], [0.0, 100.0], [-0.3, 0.0]])
    assert places.nearest(asked).tolist() == [[0, -4], [4, 0], [0, 4], [-4, 0]]
    assert float(committed_loss(features, features, places)) == pytest.approx(0, abs=1e-6)
    turned = features.roll(1, dims=0)
    assert float(committed_loss(turned, features, places)) > 1


def test_what_was_chosen_is_approached(direct: Direct) -> None:
    case = Case("someone", [stripes((200, 30, 30))], [photo()], 0)
    direct.render(case)
    assert direct._learned is not None
    places = direct._learned[1][48]
    start = to_tensor(photo())[None]
    features = direct.features(start)
    target = places.nearest(features)
    before = committed_loss(features, target, places)
    after = direct.features(direct.descend(start, places, 12, 4e-3))
    assert committed_loss(after, places.nearest(after), places) < 0.8 * before


def test_a_result_has_the_examples_colors_and_the_photos_size_and_order(direct: Direct) -> None:
    case = Case("someone", [stripes((200, 30, 30))], [photo(), photo((32, 48))], 0)
    results = direct.render(case).pictures
    assert [result.size for result in results] == [(48, 32), (32, 48)]
    means = np.asarray(results[0], dtype=float).reshape(-1, 3).mean(0)
    assert means[0] > means[1] + 5  # a grey photo became red
    assert np.array_equal(np.asarray(direct.render(case).pictures[0]), np.asarray(results[0]))


def test_other_examples_are_looked_at_anew(direct: Direct) -> None:
    red, blue = (
        np.asarray(direct.render(Case("someone", [stripes(color)], [photo()], 0)).pictures[0], dtype=float)
        for color in ((200, 30, 30), (30, 30, 200))
    )
    assert (red[..., 0] - red[..., 2]).mean() > (blue[..., 0] - blue[..., 2]).mean() + 8
