"""Photos with transparent parts, before and after they are rendered."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from app.imaging.transparency import opaque, with_alpha_of
from tests.support.pictures import picture

COLOUR = (200, 30, 30)


def cut_out(side: int = 64) -> Image.Image:
    """A disc with a soft rim, on nothing: a black that nobody sees."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    alpha = np.clip((side / 3 - np.hypot(x, y)) * 32 + 128, 0, 255).astype(np.uint8)
    values = np.zeros((side, side, 4), np.uint8)
    values[alpha > 0] = (*COLOUR, 0)
    values[..., 3] = alpha
    return Image.fromarray(values)


@pytest.mark.parametrize("side", [16, 63, 200])
def test_transparent_parts_get_the_colours_around_them(side: int) -> None:
    filled = np.asarray(opaque(cut_out(side)), dtype=int)
    assert np.abs(filled - COLOUR).max() <= 2


def test_colours_stay_however_transparent_they_are() -> None:
    content = picture(mode="RGBA")
    content.putalpha(Image.linear_gradient("L").resize(content.size).point(lambda level: max(level, 1)))
    assert (np.asarray(opaque(content)) == np.asarray(content)[..., :3]).all()


def test_a_picture_that_is_transparent_all_over_is_white() -> None:
    assert opaque(Image.new("RGBA", (33, 20), (9, 9, 9, 0))).getcolors() == [(660, (255, 255, 255))]


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255), (0, 90, 200)])
def test_on_any_ground_a_rendering_has_the_rim_of_the_photo(ground: tuple[int, int, int]) -> None:
    """A rendering that changes nothing gives the photo back: nothing of another colour at the rim."""

    def laid(image: Image.Image) -> np.ndarray:
        below = Image.new("RGBA", image.size, (*ground, 255))
        below.alpha_composite(image)
        return np.asarray(below)

    content = cut_out()
    assert (laid(with_alpha_of(opaque(content), content)) == laid(content)).all()


def test_outside_of_a_mask_nothing_is_lost() -> None:
    content = picture(mode="RGBA", seed=3)
    content.paste((1, 2, 3, 0), (0, 0, 40, 10))
    mask = Image.new("L", content.size)
    mask.paste(255, (32, 0, 64, 48))
    rendered = Image.composite(Image.new("RGB", content.size, "lime"), opaque(content), mask)
    result = np.asarray(with_alpha_of(rendered, content, mask))
    assert (result[:, :32] == np.asarray(content)[:, :32]).all()
    assert (result[:, 32:, :3] == (0, 255, 0)).all()
    assert (result[..., 3] == np.asarray(content)[..., 3]).all()


def test_the_alpha_is_resized_with_the_result() -> None:
    result = with_alpha_of(Image.new("RGB", (32, 32)), cut_out(64))
    assert (result.mode, result.size) == ("RGBA", (32, 32))
    assert result.getpixel((16, 16))[3] == 255  # type: ignore[index]
    assert with_alpha_of(picture(), picture()).mode == "RGB"
