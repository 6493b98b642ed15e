"""Hypercolumns, the search for places that are alike, and the distance to what was chosen."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from model.image.losses.hypercolumns import CHANNELS, HYPERCOLUMN_LAYERS, hypercolumns, look_at
from model.image.losses.level_loss import Target, level_loss, local_distance
from model.image.losses.loss_weights import LevelWeights
from model.image.losses.objective import Objective
from model.image.losses.places import Places, committed_distance, project
from model.image.media.folders import to_tensor
from tests.model.conftest import picture


def columns(objective: Objective, *pictures: Tensor) -> Tensor:
    with torch.no_grad():
        return look_at(objective.network.vgg, torch.cat(pictures))


@pytest.mark.parametrize("size", [(16, 16), (20, 36), (44, 64), (64, 28)])
def test_a_hypercolumn_for_every_four_pixels_of_sides_in_fours(
    objective: Objective, size: tuple[int, int]
) -> None:
    """Also of sides that are no multiples of eight, as relu4_1 would like them."""
    height, width = size
    found = columns(objective, torch.rand(2, 3, height, width))
    assert found.shape == (2, height // 4 * width // 4, CHANNELS)
    assert found.dtype == torch.float32
    assert bool(torch.isfinite(found).all())


def test_hypercolumns_are_in_rows_and_hold_every_layer_at_its_place(objective: Objective) -> None:
    images = to_tensor([picture(1, (48, 32))])
    with torch.no_grad():
        features = objective.network.vgg(images, HYPERCOLUMN_LAYERS)
        found = hypercolumns(features).view(8, 12, CHANNELS)
    ends = torch.tensor([features[layer].shape[1] for layer in HYPERCOLUMN_LAYERS]).cumsum(0).tolist()
    torch.testing.assert_close(found[5, 7, : ends[0]], features["relu1_1"][0, :, 20:24, 28:32].mean((1, 2)))
    torch.testing.assert_close(found[5, 7, ends[3] : ends[4]], features["relu3_1"][0, :, 5, 7])


def test_every_place_is_found_again(objective: Objective) -> None:
    found = columns(objective, to_tensor([picture(3, (64, 48))]))[0]
    places = Places.of(found)
    assert places.nearest(found, hubness=0).tolist() == list(range(len(found)))
    same = places.nearest(found) == torch.arange(len(found))
    assert same.float().mean() > 0.95
    torch.testing.assert_close(places.targets(found, hubness=0).float(), found, rtol=1e-2, atol=1e-2)


def test_what_is_compared_is_how_places_differ_within_a_picture(objective: Objective) -> None:
    """A photo that is as a whole brighter in every feature finds the same places."""
    found = columns(objective, to_tensor([picture(3, (64, 48))]))[0]
    places = Places.of(found)
    assert torch.equal(places.nearest(found + 2.0, hubness=0), places.nearest(found, hubness=0))


def test_bare_paper_is_not_chosen_everywhere() -> None:
    """Half of the queries are a little more like the paper than like the work's place of their own kind."""
    torch.manual_seed(0)
    kinds = F.normalize(torch.randn(65, CHANNELS), dim=1)
    paper, strokes = kinds[0], kinds[1:]
    side = torch.ones(64, 1)
    side[32:] = -1
    queries = 0.6 * side * paper + 0.5 * strokes
    places = Places.of(torch.cat([paper[None], strokes]))
    plain, corrected = (places.nearest(queries, hubness=h) for h in (0.0, 0.5))
    own = torch.arange(1, 65)
    assert int((plain == 0).sum()) >= 24
    assert int((corrected == 0).sum()) <= 2
    assert int((corrected == own).sum()) >= 56


def test_a_clear_sky_is_searched_as_one() -> None:
    """Queries that differ by little over one colour choose one place; across an edge they are apart."""
    torch.manual_seed(0)
    image = torch.full((3, 32, 64), 0.7)
    image[:, 16:] = 0.2
    sky, ground = F.normalize(torch.randn(2, CHANNELS), dim=1)
    queries = torch.cat([sky.expand(64, -1), ground.expand(64, -1)]) + 0.02 * torch.randn(128, CHANNELS)
    works = torch.cat([sky + 0.01 * torch.randn(40, CHANNELS), ground + 0.01 * torch.randn(40, CHANNELS)])
    places = Places.of(works)
    alone, together = places.nearest(queries, hubness=0), places.nearest(queries, image, hubness=0)
    assert len(set(alone[:64].tolist())) > 2 * len(set(together[:64].tolist()))
    assert bool((together[:64] < 40).all())
    assert bool((together[64:] >= 40).all())


def test_the_search_keeps_angles() -> None:
    torch.manual_seed(1)
    features = torch.randn(40, CHANNELS) + torch.randn(1, CHANNELS)
    exact = F.normalize(features, dim=1)
    found = project(features).float()
    torch.testing.assert_close(found.norm(dim=1), torch.ones(40), atol=1e-2, rtol=0)
    assert float((found @ found.T - exact @ exact.T).abs().mean()) < 0.06


def styles(objective: Objective) -> tuple[Tensor, list[Places]]:
    found = columns(objective, to_tensor([picture(i, (64, 48)) for i in (1, 2)]))
    return found, [Places.of(each) for each in found]


def test_committed_distance_is_zero_at_the_target_and_of_each_render_alone(objective: Objective) -> None:
    targets, places = styles(objective)
    assert committed_distance(targets, targets, places).tolist() == pytest.approx([0, 0], abs=1e-5)
    moved = targets.clone()
    moved[1] = moved[1].flip(0)
    first, second = committed_distance(moved, targets, places)
    assert abs(float(first)) < 1e-5
    assert float(second) > 0.05
    longer = committed_distance(targets * 1.5 - 0.5 * places[0].mean, targets, places)
    assert float(longer[0]) > 0.001, "lengths count, not only angles"


def test_local_distance_is_zero_for_equal_maps_and_counts_missing_texture() -> None:
    torch.manual_seed(0)
    grid = (16, 16)
    texture = torch.zeros(1, *grid, CHANNELS)
    texture[:, ::2, ::2] = texture[:, 1::2, 1::2] = 1.0
    texture = (texture + 0.01 * torch.randn_like(texture)).flatten(1, 2)
    places = [Places.of(texture[0])]
    assert float(local_distance(texture, texture, places, grid)) == pytest.approx(0, abs=1e-6)
    flat = texture.mean(1, keepdim=True).expand_as(texture)
    missing = float(local_distance(flat, texture, places, grid))
    assert missing > 0.3
    elsewhere = texture.roll(1, 1)  # the same strokes, one place on
    assert float(committed_distance(elsewhere, texture, places)) > 0.5
    assert float(local_distance(elsewhere, texture, places, grid)) < 0.05 * missing


def test_local_distance_of_maps_smaller_than_a_window() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 12, CHANNELS)
    places = [Places.of(each) for each in features]
    assert local_distance(features, features, places, (4, 3)).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert float(local_distance(0.5 * features, features, places, (4, 3)).min()) > 0.01


@pytest.mark.parametrize("size", [(64, 48), (60, 44)])
def test_level_loss_is_least_at_the_picture_that_was_chosen(
    objective: Objective, size: tuple[int, int]
) -> None:
    one, other = (to_tensor([picture(i, size)]) for i in (1, 2))
    chosen = columns(objective, one)
    places = [Places.of(chosen[0])]
    pooled = objective.style_statistics(one)
    weights = LevelWeights(local=1.0, statistics=0.05)

    def loss(image: Tensor) -> Tensor:
        return level_loss(objective, weights, image, Target(chosen, places, pooled))

    assert float(loss(one)) == pytest.approx(0, abs=1e-3)
    values = [float(loss(torch.lerp(one, other, t))) for t in (0.0, 0.3, 1.0)]
    assert values == sorted(set(values))
    without = level_loss(objective, LevelWeights(1.0, 0.0), other, Target(chosen, places, None))
    assert float(without) < values[-1], "statistics count on top where they have a weight"
    start = torch.lerp(one, other, 0.5).requires_grad_()
    before = loss(start)
    (gradient,) = torch.autograd.grad(before.sum(), start)
    with torch.no_grad():
        assert float(loss(start - 0.02 * gradient.sign())) < float(before)
