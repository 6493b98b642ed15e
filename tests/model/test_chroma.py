"""No more colourful than the examples."""

from __future__ import annotations

import torch
from torch import Tensor

from model.adaptation import Adaptation
from model.chroma import extrapolate_color, limit_chroma
from model.data.folders import to_tensor
from model.networks import Networks, Objective
from model.phi import expand
from tests.model.conftest import picture
from tests.model.test_adaptation import CONFIG

COLOR = torch.tensor([[[1.0, 0.2, -0.1, 0.1], [-0.3, 0.9, 0.2, -0.2], [0.1, -0.2, 1.1, 0.3]]])


def render(values: Tensor, color: Tensor) -> Tensor:
    """(N, P, 3) before the colour transform -> RGB."""
    return torch.sigmoid(values @ color[0, :, :3].T + color[0, :, 3])


def values(scale: float) -> Tensor:
    return scale * torch.randn(4, 500, 3, generator=torch.Generator().manual_seed(0))


def shades(count: int = 256) -> Tensor:
    return torch.linspace(0.05, 0.95, count).view(1, count, 1)


def chroma(colors: Tensor) -> Tensor:
    return colors.amax(-1) - colors.amin(-1)


def test_grey_examples_make_grey_renders() -> None:
    before = render(values(1.0), COLOR)
    after = render(values(1.0), limit_chroma(COLOR, before, shades().expand(2, -1, 3)))
    assert chroma(before).mean() > 0.3
    assert chroma(after).mean() < 0.01
    # and what is dark stays dark
    assert torch.corrcoef(torch.stack([before.mean(-1).flatten(), after.mean(-1).flatten()]))[0, 1] > 0.98


def test_two_inks_make_renders_in_these_inks() -> None:
    """Blue in the dark, yellow in the light: where a render's lightness is an example's, so is its colour."""
    lights = 6 * shades() - 3
    blue_to_yellow = torch.cat([lights + 0.3 * lights, lights, lights - 0.5 * lights], -1)
    works = torch.sigmoid(blue_to_yellow)
    before = render(values(1.0), COLOR)
    after = render(values(1.0), limit_chroma(COLOR, before, works))

    def beside(colors: Tensor) -> float:
        """Mean distance from the inks' line, in logits: their mean is 2.8/3 of ``lights``."""
        logits = torch.logit(colors).reshape(-1, 3)
        inks = logits.mean(-1, keepdim=True) / (2.8 / 3) * torch.tensor([1.3, 1.0, 0.5])
        return float((logits - inks).norm(dim=-1).mean())

    assert beside(after) < 0.12 * beside(before)


def test_colorful_examples_change_nothing() -> None:
    works = torch.rand(3, 1000, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        limit_chroma(COLOR, render(values(0.3), COLOR), works), COLOR, atol=1e-5, rtol=0
    )


def test_colors_shrink_to_the_examples_in_the_direction_in_which_these_have_less() -> None:
    """Examples between red and cyan: blue against yellow goes, red against cyan stays as strong as it was."""
    grey = 0.5 + 0.02 * torch.randn(2, 4000, 1, generator=torch.Generator().manual_seed(2))
    red = 0.2 * torch.randn(2, 4000, 1, generator=torch.Generator().manual_seed(3))
    works = grey + red * torch.tensor([2.0, -1.0, -1.0]) / 6**0.5
    before = render(values(0.2), COLOR)
    after = render(values(0.2), limit_chroma(COLOR, before, works))

    def spread(colors: Tensor, direction: list[float]) -> float:
        return float((colors @ torch.tensor(direction)).std())

    assert spread(after, [0.0, 1.0, -1.0]) < 0.1 * spread(before, [0.0, 1.0, -1.0])
    assert spread(after, [2.0, -1.0, -1.0]) > 0.9 * spread(before, [2.0, -1.0, -1.0])


def test_one_flat_example_leaves_numbers() -> None:
    limited = limit_chroma(COLOR, render(values(1.0), COLOR), torch.full((1, 100, 3), 1.0))
    assert limited.isfinite().all()
    assert chroma(render(values(1.0), limited)).mean() < 0.01


def test_more_than_all_of_a_grey_style_is_grey() -> None:
    grey = limit_chroma(COLOR, render(values(1.0), COLOR), shades().expand(2, -1, 3))
    straight = render(values(1.0), torch.lerp(COLOR, grey, 1.5))
    beyond = render(values(1.0), extrapolate_color(COLOR, grey, 1.5))
    assert chroma(straight).mean() > 0.1  # in complementary colours
    assert chroma(beyond).mean() < 0.01
    torch.testing.assert_close(beyond.mean(-1), straight.mean(-1), atol=0.06, rtol=0)


def test_more_than_all_of_a_colorful_style_is_a_straight_line() -> None:
    style = COLOR * torch.tensor([1.5, 0.9, 0.8])[:, None]
    torch.testing.assert_close(extrapolate_color(COLOR, style, 1.5), torch.lerp(COLOR, style, 1.5))


def test_colors_that_a_style_turns_over_are_turned_no_further() -> None:
    """Reds made greens: more than all of it keeps these greens."""
    beyond = extrapolate_color(COLOR, -COLOR, 1.5)
    opponent = torch.tensor([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
    torch.testing.assert_close(opponent @ beyond[0], opponent @ -COLOR[0])


def test_a_style_of_grey_examples_starts_grey(networks: Networks, objective: Objective) -> None:
    photos = [picture(20 + i) for i in range(3)]
    seen = to_tensor(photos)

    def start(grey: bool) -> Tensor:
        examples = [picture(i).convert("L").convert("RGB") if grey else picture(i) for i in (1, 2)]
        phi = Adaptation(networks, objective, examples, photos, config=CONFIG).start()
        with torch.no_grad():
            rendered: Tensor = networks(seen, expand(phi, len(seen)))
        return rendered.permute(0, 2, 3, 1)

    assert chroma(start(grey=False)).mean() > 0.05
    assert chroma(start(grey=True)).mean() < 0.02
