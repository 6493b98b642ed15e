"""The term that compares single places with single places of the examples."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model.image.losses.distances import LossWeights
from model.image.losses.objective import Objective
from model.image.losses.patches import PATCH_LAYERS, PATCH_SAMPLES, patch_distance, patch_samples
from model.image.losses.perceptual_network import PerceptualNetwork
from model.image.losses.statistics import STYLE_LAYERS, concatenate, pool, statistics
from model.image.media.folders import to_tensor
from tests.model.conftest import picture


@pytest.fixture(scope="module")
def places() -> Objective:
    """An objective that keeps them."""
    return Objective(PerceptualNetwork(), amp=False)


def of(*features: list[float]) -> dict[str, torch.Tensor]:
    """One layer of one picture: these features, scaled to length 1."""
    return {"relu2_2": torch.nn.functional.normalize(torch.tensor([features]), dim=2)}


def test_by_hand() -> None:
    """The style's places lie along the axes; the render's along the first of them, and half-way between."""
    found = patch_distance(of([5.0, 0.0], [1.0, 1.0]), of([2.0, 0.0], [0.0, 3.0]))
    torch.testing.assert_close(found, torch.tensor([(0 + 1 - 0.5**0.5) / 2]))


def test_sees_a_pattern_that_the_moments_do_not() -> None:
    """Means and second moments of both are the same; the style lacks every place of the render."""
    style = of([1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0])
    render = of([1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0])
    a, b = style["relu2_2"][0], render["relu2_2"][0]
    torch.testing.assert_close(a.mean(0), b.mean(0))
    torch.testing.assert_close(a.T @ a, b.T @ b)
    assert patch_distance(style, style).item() == pytest.approx(0, abs=1e-6)
    assert patch_distance(render, style).item() == pytest.approx(1 - 0.5**0.5)


def test_gradient_is_that_of_the_value() -> None:
    generator = torch.Generator().manual_seed(0)
    render, style = torch.randn(2, 5, 9, 4, generator=generator, dtype=torch.float64)
    target = {"relu2_2": torch.nn.functional.normalize(style, dim=2)}

    def distance(x: torch.Tensor) -> torch.Tensor:
        return patch_distance({"relu2_2": torch.nn.functional.normalize(x, dim=2)}, target)

    assert torch.autograd.gradcheck(distance, (render.requires_grad_(),))


def test_samples_are_spread_over_the_picture_and_of_length_one() -> None:
    feature = torch.ones(1, 2, 3, 4)
    feature[:, 0] = torch.arange(1.0, 13.0).view(3, 4)
    found = patch_samples(feature, 3)
    torch.testing.assert_close(found.norm(dim=2), torch.ones(1, 3))
    torch.testing.assert_close(found[0, :, 0] / found[0, :, 1], torch.tensor([1.0, 7.0, 12.0]))


def test_a_picture_is_at_no_distance_from_itself_and_at_some_from_another(places: Objective) -> None:
    one, other = (places.style_statistics(to_tensor([picture(i)])) for i in (1, 2))
    assert set(one.patches) == set(PATCH_LAYERS)
    assert patch_distance(one.patches, one.patches).item() == pytest.approx(0, abs=1e-5)
    assert patch_distance(one.patches, other.patches).item() > 0.01


def test_objective_compares_places_only_where_a_style_has_them(places: Objective) -> None:
    own, style = (places.style_statistics(to_tensor([picture(i)])) for i in (1, 2))
    found = places.distances(own, style)
    assert found.patches.item() == pytest.approx(patch_distance(own.patches, style.patches).item(), abs=1e-5)
    assert places.distances(own, replace(style, patches={})).patches.item() == 0
    more = found.style(LossWeights(patches=2.0)) - found.style(LossWeights())
    assert more.item() == pytest.approx(2 * found.patches.item(), rel=1e-3)


def test_pooled_works_have_a_fair_share_of_the_places(places: Objective) -> None:
    works = places.style_statistics(to_tensor([picture(1), picture(2), picture(3)]))
    assert pool(works).patches["relu3_3"].shape == (1, PATCH_SAMPLES, 256)
    numbered = torch.arange(3.0 * PATCH_SAMPLES).view(3, PATCH_SAMPLES, 1)
    found = pool(replace(works, patches={"relu3_3": numbered})).patches["relu3_3"].flatten().long()
    assert (found % PATCH_SAMPLES).tolist() == list(range(PATCH_SAMPLES))  # each at its own place
    assert torch.bincount(found // PATCH_SAMPLES).tolist() == [PATCH_SAMPLES // 3] * 3


@pytest.mark.parametrize("k", [2, 3, 4, 5, 8, 12, 16])
def test_pooled_works_are_seen_all_over_whatever_their_number(k: int) -> None:
    """A work that is red on its left and blue on its right is half red among its peers, too."""
    work = torch.zeros(3, 256, 256)
    work[0, :, :128] = work[2, :, 128:] = 1
    one = statistics({layer: torch.ones(1, 1, 2, 2) for layer in STYLE_LAYERS}, work[None])
    marked = torch.cat([one.colors + 10 * i for i in range(k)])  # which work a sample is of
    found = pool(replace(concatenate([one] * k), colors=marked)).colors[0]
    for i in range(k):
        red = found[(found[:, 1] - 10 * i).abs() < 1, 0] - 10 * i
        assert len(red) == pytest.approx(1024 / k, abs=1)
        assert red.mean().item() == pytest.approx(0.5, abs=0.05)


def test_places_go_where_their_style_goes(places: Objective) -> None:
    two = places.style_statistics(to_tensor([picture(1), picture(2)]))
    parts = concatenate([two[:1], two[1:]])
    for each in (parts, two[[0, 1]]):
        for layer in PATCH_LAYERS:
            assert torch.equal(each.patches[layer], two.patches[layer])


def test_an_objective_without_the_term_keeps_no_places() -> None:
    plain = Objective(PerceptualNetwork(), amp=False, patches=False)
    assert plain.style_statistics(to_tensor([picture(1)])).patches == {}
