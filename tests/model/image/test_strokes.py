"""What the finest level paints from: strokes along shapes, dots, hatching, key lines; flattened photos."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from model.formats import Surface
from model.image.brushes import (
    DIRECTIONS,
    FLAT_ALIKE,
    PAINTED_FROM,
    SPREAD,
    dot_kernel,
    line_kernels,
    stroke_kernels,
    white_noise,
)
from model.image.rendering.flattening import flattened, printed
from model.image.rendering.strokes import painted

STROKES = Surface(brushwork=0.05, direction=1.0)
DOTS = Surface(brushwork=0.05, direction=0.0)
LINES = Surface(evenness=1.0, hatching=1.0)
PRINT = Surface(evenness=1.0)


def ramp(turn: float, slope: float = 0.7, side: int = 128) -> Tensor:
    """Light that grows across a direction: its shapes lie along it."""
    down, right = torch.meshgrid(*[torch.linspace(-0.5, 0.5, side)] * 2, indexing="ij")
    across = down * math.cos(turn) - right * math.sin(turn)
    return (0.5 + slope * across).clamp(0, 1).expand(1, 3, side, side).clone()


def noise_of(photo: Tensor, surface: Surface, level: int = PAINTED_FROM) -> Tensor:
    """(H, W): the light that was added."""
    return (painted(photo, photo, level, [surface]) - photo).mean(1)[0]


def changes(noise: Tensor, turn: float) -> float:
    """Mean change over three pixels along a direction."""
    down, right = round(3 * math.sin(turn)), round(3 * math.cos(turn))
    return float((noise - torch.roll(noise, (down, right), (0, 1))).square().mean().sqrt())


@pytest.mark.parametrize("turn", [0.0, math.pi / 4, math.pi / 2, 3 * math.pi / 4])
@pytest.mark.parametrize("surface", [STROKES, LINES])
def test_strokes_and_lines_lie_along_the_shapes(turn: float, surface: Surface) -> None:
    noise = noise_of(ramp(turn), surface)
    assert changes(noise, turn) < 0.6 * changes(noise, turn + math.pi / 2)


def test_dots_have_no_direction() -> None:
    noise = noise_of(ramp(0.0), DOTS)
    assert changes(noise, 0.0) == pytest.approx(changes(noise, math.pi / 2), rel=0.1)


@pytest.mark.parametrize("surface", [STROKES, DOTS])
def test_brushwork_is_as_strong_as_the_style_says(surface: Surface) -> None:
    assert float(noise_of(ramp(0.3, slope=0.1), surface).std()) == pytest.approx(surface.brushwork, rel=0.3)


def test_dots_differ_in_colour_by_the_tint() -> None:
    def color(tint: float) -> float:
        photo = ramp(0.0)
        noise = painted(photo, photo, PAINTED_FROM, [Surface(brushwork=0.05, tint=tint)]) - photo
        return float((noise - noise.mean(1, keepdim=True)).std())

    assert color(0.0) < 1e-6
    assert color(1.0) > 1.5 * color(0.5) > 0


def test_lines_are_drawn_in_the_dark_and_paper_stays_white() -> None:
    dark, paper = torch.full((1, 3, 64, 64), 0.1), torch.ones(1, 3, 64, 64)
    assert float(noise_of(dark, LINES).abs().mean()) > 0.03
    assert float(noise_of(paper, LINES).abs().max()) < 1e-6


def test_the_eyes_of_a_dark_animal_are_spared() -> None:
    """Half of the brushwork is kept from details, and contrast counts relative to light."""
    plain, eyes = torch.full((1, 3, 64, 64), 0.1), torch.full((1, 3, 64, 64), 0.1)
    eyes[..., ::2, ::2] = 0.15
    spared, free = (noise_of(x, STROKES).std() for x in (eyes, plain))
    assert float(spared) < 0.7 * float(free)


def test_a_print_has_lines_on_the_dark_side_of_edges() -> None:
    photo = torch.full((1, 3, 32, 32), 0.8)
    photo[..., 16:] = 0.4
    drawn = painted(photo, photo, PAINTED_FROM, [PRINT])
    assert float(drawn[..., 17].mean()) < 0.5 * 0.4
    torch.testing.assert_close(drawn[..., :15], photo[..., :15])
    torch.testing.assert_close(drawn[..., 24:], photo[..., 24:])


def test_only_the_finest_level_is_painted_and_only_where_the_works_are() -> None:
    photo = ramp(0.0)
    for surface in (STROKES, DOTS, LINES, PRINT):
        assert torch.equal(painted(photo, photo, PAINTED_FROM - 1, [surface]), photo)
    assert torch.equal(painted(photo, photo, PAINTED_FROM, [Surface()]), photo)


def test_styles_side_by_side_are_painted_as_alone() -> None:
    surfaces = [STROKES, DOTS, LINES, PRINT, Surface()]
    photos = torch.cat([ramp(0.4 * i, side=48) for i in range(len(surfaces))])
    together = painted(photos, photos, PAINTED_FROM, surfaces)
    for i, surface in enumerate(surfaces):
        alone = painted(photos[i : i + 1], photos[i : i + 1], PAINTED_FROM, [surface])
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-6, rtol=0)


def test_noise_has_no_seam_where_its_tiles_meet() -> None:
    wide = torch.full((1, 3, 64, 600), 0.5)
    noise = noise_of(wide, STROKES)
    steps = (noise[:, 1:] - noise[:, :-1]).abs().mean(0)
    assert float(steps[255]) < 2 * float(steps.mean())


def test_noise_and_kernels_have_unit_spread() -> None:
    assert float(white_noise().std()) == pytest.approx(SPREAD, rel=0.01)
    for kernels, count in ((stroke_kernels(), DIRECTIONS), (line_kernels(), DIRECTIONS), (dot_kernel(), 1)):
        assert kernels.shape[:2] == (count, 1)
        for kernel in kernels:
            assert float((kernel**2).sum()) == pytest.approx(1, abs=1e-5)


def test_shading_is_flattened_and_outlines_stay() -> None:
    torch.manual_seed(0)
    photo = torch.full((1, 3, 64, 64), 0.3)
    photo[..., 32:] = 0.7
    rough = photo * torch.exp(0.3 * FLAT_ALIKE * torch.randn(1, 1, 64, 64))
    flat = flattened(rough, torch.ones(1, 1, 1, 1))
    for part in (flat[..., 4:28], flat[..., 36:60]):
        assert float(part.std()) < 0.5 * float(rough[..., 36:60].std())
    assert float(flat[..., 33].mean() - flat[..., 30].mean()) > 0.35


def test_dark_is_flattened_relative_to_its_light() -> None:
    """A difference that is shading in the light is an outline in the dark."""

    def kept(light: float) -> float:
        photo = torch.full((1, 3, 64, 64), light)
        photo[..., 32:] = light + 0.05
        flat = flattened(photo, torch.ones(1, 1, 1, 1))
        return float(flat[..., 34].mean() - flat[..., 29].mean())

    assert kept(0.03) > 1.3 * kept(0.8)


def test_a_share_of_none_leaves_the_photo() -> None:
    photo = torch.rand(2, 3, 16, 20)
    assert torch.equal(flattened(photo, torch.zeros(2, 1, 1, 1)), photo)
    mixed = flattened(photo, torch.tensor([0.0, 1.0]).view(2, 1, 1, 1))
    assert torch.equal(mixed[0], photo[0])
    assert not torch.equal(mixed[1], photo[1])


def _leaves(side: int = 96) -> torch.Tensor:
    """Small discs of many greys over each other, (1, 3, side, side)."""
    random = torch.Generator().manual_seed(1)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    photo = torch.zeros(side, side)
    for x, y, light in torch.rand(800, 3, generator=random):
        photo[(rows - side * y) ** 2 + (columns - side * x) ** 2 < 9] = 0.1 + 0.8 * light
    return photo.expand(1, 3, side, side)


def test_leaves_become_masses_and_windows_stay() -> None:
    windows = torch.full((1, 3, 96, 96), 0.7)
    for top in range(8, 90, 16):
        for left in range(8, 90, 16):
            windows[..., top : top + 6, left : left + 6] = 0.2

    def kept(photo: torch.Tensor) -> float:
        flat = flattened(photo, torch.ones(1, 1, 1, 1))[..., 16:-16, 16:-16]
        return float(flat.std() / photo[..., 16:-16, 16:-16].std())

    assert kept(_leaves()) < 0.6
    assert kept(windows) > 0.8


@pytest.mark.parametrize("linework", [0.0, 1.0])
def test_a_print_loses_the_weave_of_its_colours_and_keeps_its_lines(linework: float) -> None:
    row = torch.arange(128)
    weave = 0.03 * torch.cos(row * math.pi / 2)  # a period of four pixels
    render = (0.6 + weave[:, None] * weave[None] / 0.03).expand(1, 3, 128, 128).clone()
    render[:, :, :, 64:] += 0.25  # another colour
    render[:, :, :, 62:64] = 0.1  # and a line between them
    made = printed(render, torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), linework))[0].mean(0)
    weave_left, weave_before = (x[16:112, 16:48].std() for x in (made, render[0].mean(0)))
    assert weave_left < 0.2 * weave_before
    assert made[:, 62:64].max() < 0.25, "the line is dark"
    assert float(made[64, 80:120].mean() - made[64, 16:48].mean()) == pytest.approx(0.25, abs=0.02)


def test_what_is_no_print_is_not_evened() -> None:
    render = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    made = printed(render, torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), torch.ones(2, 1, 1, 1))
    torch.testing.assert_close(made[0], render[0])
    assert (made[1] - render[1]).abs().mean() > 0.05


def test_dense_lines_have_a_stronger_weave_to_lose() -> None:
    weave = torch.cos(torch.arange(64) * math.pi / 3)
    render = (0.5 + 0.08 * weave[:, None] * weave[None]).expand(2, 3, 64, 64).clone()
    made = printed(render, torch.ones(2, 1, 1, 1), torch.tensor([0.0, 1.0]).view(2, 1, 1, 1))
    assert made[1].std() < 0.7 * made[0].std()
