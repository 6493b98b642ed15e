"""Strokes of another size: rendering small, and enlarging with the photo's own detail."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from model.engine import Engine
from model.requests import Rendering
from model.strokes import LEAST_SIDE, NATURAL_SIDE, enlarge, natural_stroke_size, network_size
from model.style import Style
from tests.model.conftest import picture
from tests.model.test_engine import SMALL


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(device="cpu", config=SMALL)


@pytest.fixture(scope="module")
def style(engine: Engine) -> Style:
    """A zero-step style."""
    return engine.adapt([picture(1)], steps=0)


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


def test_sizes() -> None:
    assert natural_stroke_size((1280, 853)) == 1280 / NATURAL_SIDE
    assert natural_stroke_size((500, 300)) == 1
    assert network_size((1280, 640), None) == (640, 320)
    assert network_size((640, 480), None) == (640, 480)
    assert network_size((640, 480), 2) == (320, 240)
    assert network_size((640, 480), 1) == (640, 480)
    assert network_size((4000, 100), None) == (2560, LEAST_SIDE), "a panorama keeps some height"
    assert network_size((4000, 50), 4) == (4000, 50)


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
    monkeypatch.setattr("model.strokes._ROWS", 37)
    assert np.abs(pixels(enlarge(painted, small, photo)) - whole).max() <= 1


def test_engine_renders_small_and_gives_the_size_that_was_asked_for(engine: Engine, style: Style) -> None:
    photo = picture(4, (192, 128))
    fine, same, large = (engine.stylize(photo, style, stroke_size=s) for s in (1, None, 2))
    assert same.tobytes() == fine.tobytes(), "a photo of few pixels has the network's own strokes"
    assert large.size == photo.size
    small = shrunk(photo, 2)
    by_hand = enlarge(engine.stylize(small, style), small, photo)
    assert np.abs(pixels(large) - pixels(by_hand)).mean() < 1
    assert np.abs(pixels(large) - pixels(fine)).mean() > 1


def test_photos_of_other_sizes_share_a_pass_when_they_are_rendered_alike(
    engine: Engine, style: Style
) -> None:
    wanted = [
        Rendering(picture(1, (192, 128)), style, stroke_size=2),
        Rendering(picture(2, (96, 64)), style, stroke_size=1),
        Rendering(picture(3, (192, 128)), style, stroke_size=1),
    ]
    assert sorted(map(sorted, engine.together(wanted, 4))) == [[0, 1], [2]]
    for found, each in zip(engine.stylize_many(wanted), wanted, strict=True):
        assert found.size == each.photo.size
