"""Sizes at which a picture is drawn, what a level draws on, and how levels and dials make one picture."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from model.formats import Surface
from model.image.dials import LEAST_STROKE_SIZE, MOST_STRENGTH, MOST_STROKE_SIZE, Dials
from model.image.pyramid import LEAST_SIDE, SIDES, Step, level_size, plan
from model.image.rendering.redrawing import (
    evened,
    level_input,
    lost_light,
    redraw,
    relative_contrast,
    revised,
)

LENGTHS = st.integers(1, 8192)
STROKES = st.sampled_from([LEAST_STROKE_SIZE, 0.7, 1.0, 1.5, MOST_STROKE_SIZE])


@pytest.mark.parametrize(
    ("size", "stroke_size", "expected"),
    [
        ((1, 1), 1, [(16, 16)]),
        ((3, 2), 1, [(16, 16)]),
        ((65, 40), 1, [(65, 40)]),
        ((100, 60), 1, [(64, 40), (100, 60)]),
        ((512, 512), 1, [(64, 64), (128, 128), (256, 256), (512, 512)]),
        ((640, 480), 1, [(64, 48), (128, 96), (256, 192), (640, 480)]),
        ((641, 480), 1, [(64, 48), (128, 96), (256, 192), (512, 384)]),
        ((8192, 8192), 1, [(64, 64), (128, 128), (256, 256), (512, 512)]),
        ((8192, 10), 1, [(64, 16), (128, 16), (256, 16), (512, 16)]),
        ((10, 600), 1, [(16, 64), (16, 128), (16, 256), (16, 600)]),
        ((512, 512), 4, [(16, 16), (32, 32), (64, 64), (128, 128)]),
        ((512, 256), 0.25, [(256, 128), (512, 256)]),
        ((8192, 4096), 0.25, [(256, 128), (512, 256), (1024, 512), (2048, 1024)]),
    ],
)
def test_plans(size: tuple[int, int], stroke_size: float, expected: list[tuple[int, int]]) -> None:
    assert plan(size, stroke_size) == [Step(level, each) for level, each in enumerate(expected)]


@settings(deadline=None)
@given(LENGTHS, LENGTHS, STROKES)
def test_every_plan_goes_from_coarse_to_fine_within_its_bounds(
    width: int, height: int, stroke_size: float
) -> None:
    steps = plan((width, height), stroke_size)
    assert [step.level for step in steps] == list(range(len(steps)))
    longest = [max(step.size) for step in steps]
    assert longest == sorted(set(longest)), "every level is larger than the one before"
    assert all(length >= LEAST_SIDE for step in steps for length in step.size)
    assert all(length % 4 == 0 for step in steps[:-1] for length in step.size)
    most = 1.25 * SIDES[-1] / stroke_size
    final = steps[-1].size
    if max(width, height) <= most and min(width, height) >= LEAST_SIDE:
        assert final == (width, height), "drawn as it is"
    else:
        assert max(final) <= max(LEAST_SIDE, most) + 2
        assert all(length % 4 == 0 for length in final)
    if min(final) > LEAST_SIDE:
        assert final[0] * height == pytest.approx(final[1] * width, rel=0.2)


def test_sizes_of_a_level_keep_the_aspect_in_fours() -> None:
    assert level_size((1000, 750), 64) == (64, 48)
    assert level_size((300, 400), 512) == (384, 512)
    assert level_size((1000, 20), 128) == (128, LEAST_SIDE)


@pytest.mark.parametrize("sides", [(64, 32), (67, 33), (40, 16)])
def test_a_level_draws_on_the_photo_if_the_one_before_drew_the_photo(sides: tuple[int, int]) -> None:
    torch.manual_seed(0)
    fine, coarse = (torch.rand(2, 3, side, side + 4) for side in sides)
    torch.testing.assert_close(level_input(fine, coarse, coarse, 1.0), fine, atol=1e-5, rtol=0)


def test_detail_is_what_the_photo_has_beside_its_smaller_self() -> None:
    """A coarse render in another colour keeps it, and takes the photo's stripes by ``detail``."""
    stripes = torch.full((2, 3, 32, 32), 0.5)
    stripes[..., ::2] += 0.1
    stripes[..., 1::2] -= 0.1
    grey, red = torch.full((2, 3, 16, 16), 0.5), torch.full((2, 3, 16, 16), 0.3)
    found = level_input(stripes, grey, red, torch.tensor([0.0, 0.5]).view(2, 1, 1, 1))
    torch.testing.assert_close(found[0], torch.full((3, 32, 32), 0.3))
    torch.testing.assert_close(found[1], 0.3 + 0.5 * (stripes[1] - 0.5))


def test_structure_sets_light_and_dark_right_and_leaves_the_colour() -> None:
    """A coarse render without the photo's stripes gets them back; its colour stays."""
    stripes = torch.full((1, 3, 16, 16), 0.5)
    stripes[..., ::2] += 0.1
    stripes[..., 1::2] -= 0.1
    fine, red = torch.nn.functional.interpolate(stripes, scale_factor=2.0), torch.full((1, 3, 16, 16), 0.3)
    red[:, 0] = 0.6
    without, full = (level_input(fine, stripes, red, 0.0, structure) for structure in (0.0, 1.0))
    assert float(without[0, 1].std()) < 1e-6
    assert float(full[0, 1].std()) > 0.03
    torch.testing.assert_close(full.mean((2, 3)), without.mean((2, 3)), atol=1e-3, rtol=0)


def test_an_outline_that_was_lost_comes_back_with_the_contrast_of_the_style() -> None:
    """A square of 4 pixels stands elsewhere in a pale render: it moves to its place, and stays pale."""
    photo, render = torch.full((1, 3, 32, 32), 0.5), torch.full((1, 3, 32, 32), 0.5)
    photo[..., 12:16, 12:16] -= 0.4
    render[..., 20:24, 20:24] -= 0.1
    found = render.mean(1) + lost_light(photo, render, torch.ones(1, 1, 32, 32))[0]
    place, elsewhere = found[0, 13:15, 13:15].mean(), found[0, 21:23, 21:23].mean()
    assert 0.5 - float(place) == pytest.approx(0.1, abs=0.05)
    assert 0.5 - float(elsewhere) < 0.05


@pytest.mark.parametrize(("given", "drawn", "times"), [(0.1, 0.4, 3.0), (0.3, 0.475, 1.5), (0.5, 0.2, 1.0)])
def test_contrast_is_relative_to_the_light_of_the_render(given: float, drawn: float, times: float) -> None:
    """An eye in dark fur that is drawn light stays an eye; what is drawn darker keeps its contrast."""
    photo, render = torch.full((1, 3, 32, 32), given), torch.full((1, 3, 32, 32), drawn)
    lift = relative_contrast(photo, render)
    torch.testing.assert_close(lift, torch.full((1, 1, 32, 32), times))
    fine = torch.full((1, 3, 64, 64), given)
    fine[..., 30:32, 30:32] += 0.02
    found = level_input(fine, photo, render, 1.0)
    assert float(found[0, 0, 31, 31]) == pytest.approx(drawn + 0.02 * times, abs=1e-4)
    assert float(found[0, 0, 5, 5]) == pytest.approx(drawn, abs=1e-5)


def photos() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.rand(2, 3, side, side) for side in (16, 32, 64)]


LEVELS = [0, 1, 2]
SURFACES = [Surface(evenness=1.0), Surface()]


def same(_at: int, x: Tensor, _again: bool) -> Tensor:
    return x


def dark(_at: int, x: Tensor, _again: bool) -> Tensor:
    return 0.5 * x


@pytest.mark.parametrize("strength", [0.5, 1.0, MOST_STRENGTH])
def test_a_network_that_changes_nothing_gives_the_photo(strength: float) -> None:
    given_ = photos()
    found = redraw(given_, same, LEVELS, [Dials(strength, abstraction=0.0)] * 2, SURFACES)
    torch.testing.assert_close(found, given_[-1], atol=1e-3, rtol=0)


def test_no_strength_is_the_photo_bit_for_bit_whatever_is_drawn() -> None:
    given_ = photos()
    assert torch.equal(redraw(given_, dark, LEVELS, [Dials(0.0)] * 2, SURFACES), given_[-1])


def test_each_photo_has_dials_of_its_own() -> None:
    given_ = photos()
    dials = [Dials(1.4, 0.9), Dials(0.3, 0.1)]
    together = redraw(given_, dark, LEVELS, dials, SURFACES)
    for i in range(2):
        alone = redraw(
            [each[i : i + 1] for each in given_], dark, LEVELS, dials[i : i + 1], SURFACES[i : i + 1]
        )
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-6, rtol=0)


def test_strength_above_one_draws_every_level_again() -> None:
    drawn: list[tuple[int, bool]] = []

    def note(at: int, x: Tensor, again: bool) -> Tensor:
        drawn.append((at, again))
        return x

    redraw(photos(), note, LEVELS, [Dials(1.0)] * 2, [Surface()] * 2)
    assert drawn == [(0, False), (1, False), (2, False)]
    drawn.clear()
    redraw(photos(), note, LEVELS, [Dials(1.0), Dials(1.2)], [Surface()] * 2)
    assert drawn == [(at, again) for at in range(3) for again in (False, True)]


def test_more_strength_is_farther_from_the_photo() -> None:
    given_ = photos()
    away = [
        float((redraw(given_, dark, LEVELS, [Dials(s)] * 2, [Surface()] * 2) - given_[-1]).abs().mean())
        for s in (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
    ]
    assert away == sorted(set(away))


def test_abstraction_takes_the_photos_detail_from_coarse_levels_last() -> None:
    for level in range(len(SIDES)):
        details = [Dials(abstraction=a).detail(level) for a in (0.0, 0.3, 1.0)]
        assert details[0] == 1.0
        assert details == sorted(details, reverse=True)
        assert details[-1] >= 0
    assert Dials(abstraction=0).share(0) == 0, "without abstraction the coarsest level is the photo"
    assert Dials(abstraction=0).share(1) == 1
    assert Dials(abstraction=0.3).share(0) == 1


def test_the_finest_level_changes_detail_alone() -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 3, 1, 1).expand(1, 3, 32, 48) * 0.4 + 0.3
    stripes = 0.1 * torch.tensor([1.0, -1.0]).repeat(24)
    render = torch.full((1, 3, 32, 48), 0.2) + stripes  # of another colour, with brushwork
    found = revised(x, render, len(SIDES) - 1)
    torch.testing.assert_close(found, x + stripes, atol=1e-5, rtol=0)
    assert torch.equal(revised(x, render, 0), render), "coarse levels decide what is large"
    bright = revised(x, torch.ones_like(render) + stripes, len(SIDES) - 1)
    assert 0 <= float(bright.min()) <= float(bright.max()) <= 1


ALL = torch.ones(1, 1, 1, 1)


def test_small_differences_go_where_the_photo_is_even_and_stay_beside_its_edges() -> None:
    """What the level before has left in a clear sky is gone; the ground's texture is untouched."""
    photo = torch.full((1, 3, 128, 128), 0.6)
    photo += 1.5 / 255 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    ground = (0, slice(None), slice(80, None))
    photo[ground] = torch.rand(photo[ground].shape, generator=torch.Generator().manual_seed(1))
    drawn = photo + 0.05 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(2))
    found = evened(drawn, photo, 2, ALL)
    assert float(found[..., 4:60, :].std((2, 3)).max()) < 0.01
    torch.testing.assert_close(found[..., 90:, :], drawn[..., 90:, :], atol=0.02, rtol=0)
    assert torch.equal(evened(drawn, photo, 0, ALL), drawn), "the coarsest level sees the photo"


def test_an_even_place_keeps_its_colour_beside_another() -> None:
    """Two even halves of other colours do not run into each other."""
    photo = torch.full((1, 3, 64, 64), 0.2)
    photo[..., 32:] = 0.8
    found = evened(photo, photo, 1, ALL)
    torch.testing.assert_close(found, photo, atol=0.06, rtol=0)


def test_a_style_of_strokes_everywhere_leaves_its_input_alone() -> None:
    photo, drawn = torch.full((2, 3, 32, 32), 0.5), torch.rand(2, 3, 32, 32)
    found = evened(drawn, photo, 1, torch.tensor([0.0, 1.0]).view(2, 1, 1, 1))
    assert torch.equal(found[0], drawn[0])
    assert float(found[1].std()) < 0.3 * float(drawn[1].std())
