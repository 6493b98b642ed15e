"""Colours of renders beside those of the works."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from model.image.adaptation.colors import LEAST, MOST, SHIFT, matched_color


def pictures(mean: tuple[float, float, float], contrast: float, spread: float, seed: int) -> list[Tensor]:
    """Before the sigmoid: noise of light and of colour around a mean."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(3):
        color = torch.randn(3, 40, 40, generator=generator)
        color = color - color.mean(0)
        light = torch.randn(1, 40, 40, generator=generator)
        made.append(torch.tensor(mean).view(3, 1, 1) + contrast * light + spread * color)
    return made


def drawn(before: list[Tensor], color: Tensor) -> list[Tensor]:
    """What the network makes of maps: an affine map of colours, and a sigmoid."""
    matrix, offset = color[0, :, :3], color[0, :, 3]
    return [torch.sigmoid(torch.einsum("dc,chw->dhw", matrix, x) + offset.view(3, 1, 1)) for x in before]


def moments(made: list[Tensor]) -> tuple[Tensor, float, float]:
    flat = torch.stack([x.logit().flatten(1) for x in made])
    centred = flat - flat.mean(2, keepdim=True)
    light = centred.mean(1, keepdim=True)
    return flat.mean((0, 2)), float(light.std()), float((centred - light).square().sum(1).mean().sqrt())


def color() -> Tensor:
    generator = torch.Generator().manual_seed(5)
    matrix = torch.eye(3) + 0.2 * torch.randn(3, 3, generator=generator)
    return torch.cat([matrix, torch.tensor([[0.1], [0.0], [-0.2]])], 1)[None]


def test_contrast_and_spread_are_those_of_the_works_and_the_mean_goes_half_of_the_way() -> None:
    maps, given = pictures((0.2, 0.1, -0.3), 0.5, 0.2, 1), color()
    works = [torch.sigmoid(x) for x in pictures((0.5, -0.2, 0.0), 0.65, 0.35, 2)]
    before = moments(drawn(maps, given))
    after = moments(drawn(maps, matched_color(given, drawn(maps, given), works)))
    wanted = moments(works)
    assert after[1:] == pytest.approx(wanted[1:], rel=0.01)
    torch.testing.assert_close(after[0], torch.lerp(before[0], wanted[0], SHIFT), atol=0.01, rtol=0)


def test_no_more_than_so_much() -> None:
    """Works of black and white beside pale renders, and grey works beside gaudy ones."""
    maps, given = pictures((0.0, 0.0, 0.0), 0.3, 0.3, 3), color()
    works = [torch.sigmoid(x) for x in pictures((0.0, 0.0, 0.0), 1.0, 0.01, 4)]
    _, contrast, spread = moments(drawn(maps, given))
    _, new_contrast, new_spread = moments(drawn(maps, matched_color(given, drawn(maps, given), works)))
    assert new_contrast == pytest.approx(MOST * contrast, rel=0.01)
    assert new_spread == pytest.approx(LEAST * spread, rel=0.01)


def test_an_even_work_takes_no_more_contrast_away_than_the_least() -> None:
    maps, given = pictures((0.2, 0.1, -0.3), 0.5, 0.2, 1), color()
    found = matched_color(given, drawn(maps, given), [torch.full((3, 16, 16), 0.5)])
    assert torch.isfinite(found).all()
    assert moments(drawn(maps, found))[1] == pytest.approx(LEAST * moments(drawn(maps, given))[1], rel=0.01)


def test_even_renders_give_finite_maps() -> None:
    """Of a deviation of nothing no factor can be told."""
    works = [torch.sigmoid(x) for x in pictures((0.5, -0.2, 0.0), 0.65, 0.25, 2)]
    even = [torch.full((3, 16, 16), 0.25)]
    for given in (works, even):
        assert torch.isfinite(matched_color(color(), even, given)).all()
