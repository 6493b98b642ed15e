"""A render at the size of its photo, with the photo's own detail."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from model.image.rendering.joint_upsampling import enlarge
from tests.model.conftest import picture


def lines(size: tuple[int, int], width: int = 3) -> Image.Image:
    """White lines of a few pixels on grey."""
    image = Image.new("RGB", size, (90, 90, 90))
    draw = ImageDraw.Draw(image)
    for x in range(20, size[0], 40):
        draw.line([(x, 0), (x, size[1])], (250, 250, 250), width)
    return image


def shrunk(image: Image.Image, times: int) -> Image.Image:
    return image.resize((image.width // times, image.height // times), Image.Resampling.LANCZOS)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=float)


def test_detail_comes_back_where_the_render_follows_the_photo() -> None:
    """A render that is the photo darkened: what was lost by rendering small is taken from the photo."""
    photo = lines((400, 200))
    wanted = photo.point(lambda level: level // 2)
    small = shrunk(photo, 4)
    made = enlarge(small.point(lambda level: level // 2), small, photo)
    assert made.size == photo.size
    plain = small.point(lambda level: level // 2).resize(photo.size, Image.Resampling.BICUBIC)
    lost, left = (np.abs(pixels(each) - pixels(wanted)).mean() for each in (plain, made))
    assert left < 0.5 * lost


def test_inverted_light_takes_inverted_detail() -> None:
    photo = lines((400, 200))
    small = shrunk(photo, 4)
    made = pixels(enlarge(small.point(lambda level: 255 - level), small, photo))
    assert made[100, 20].mean() < made[100, 40].mean() - 100, "lines are dark in the render, and sharp"
    plain = pixels(small.point(lambda level: 255 - level).resize(photo.size, Image.Resampling.BICUBIC))
    assert made[100, 20].mean() < plain[100, 20].mean()


def test_grain_of_a_flat_photo_stays_away() -> None:
    rng = np.random.default_rng(0)
    grain = (128 + rng.normal(0, 6, (200, 400, 3))).clip(0, 255).astype(np.uint8)
    photo = Image.fromarray(grain)
    small = shrunk(photo, 4)
    painted = picture(3, (100, 50))
    made = pixels(enlarge(painted, small, photo))
    smooth = pixels(painted.resize(photo.size, Image.Resampling.BICUBIC))
    assert np.abs(made - smooth).mean() < 0.25 * np.abs(grain - 128.0).mean()


def test_strips_of_rows_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, small = picture(1, (300, 260)), shrunk(picture(1, (300, 260)), 3)
    painted = picture(2, small.size)
    whole = pixels(enlarge(painted, small, photo))
    monkeypatch.setattr("model.image.rendering.joint_upsampling._ROWS", 37)
    assert np.abs(pixels(enlarge(painted, small, photo)) - whole).max() <= 1


def test_a_render_may_be_larger_than_its_photo() -> None:
    """Photos of a few pixels are drawn on 16."""
    photo = picture(1, (5, 3))
    drawn = picture(2, (16, 16))
    assert enlarge(drawn, photo.resize((16, 16)), photo).size == (5, 3)
