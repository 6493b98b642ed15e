"""Blends, region masks, and keeping the photo's colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.errors import StyleFormatError
from model.image.engine import Engine
from model.image.rendering.preserve_color import keep_colors
from model.image.style import Style, blend_styles
from tests.model.conftest import SMALL, picture
from tests.model.image.test_engine import difference

PHOTO = picture(7, (96, 64))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(device="cpu", config=SMALL)


@pytest.fixture(scope="module")
def styles(engine: Engine) -> list[Style]:
    """Two zero-step styles."""
    return [engine.adapt([picture(seed)], steps=0) for seed in (1, 2)]


def hues(image: Image.Image) -> np.ndarray:
    """Red minus green and yellow minus blue, as shares of the brightness."""
    rgb = np.asarray(image, dtype=float)
    channels = [rgb[..., 0] - rgb[..., 1], rgb[..., :2].mean(-1) - rgb[..., 2]]
    return np.array([channel.mean() for channel in channels])


def test_a_blend_lies_between_its_styles(engine: Engine, styles: list[Style]) -> None:
    first, second = (engine.stylize(PHOTO, style) for style in styles)
    whole = difference(first, second)
    gaps = []
    for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
        mixed = blend_styles([(styles[0], 1 - weight), (styles[1], weight)])
        gaps.append(difference(engine.stylize(PHOTO, mixed), first))
    assert gaps[0] == 0
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(whole, abs=0.1)


def test_weights_are_shares(engine: Engine, styles: list[Style]) -> None:
    one = blend_styles([(styles[0], 1.0), (styles[1], 3.0)])
    other = blend_styles([(styles[0], 0.25), (styles[1], 0.75)])
    assert difference(engine.stylize(PHOTO, one), engine.stylize(PHOTO, other)) < 0.1


@pytest.mark.parametrize("weights", [(), (0.0, 0.0), (1.0, -1.0)])
def test_weights_that_say_nothing(styles: list[Style], weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="weights"):
        blend_styles(list(zip(styles, weights, strict=False)))


def test_styles_of_other_shapes_do_not_blend(styles: list[Style]) -> None:
    odd = Style(dict(list(styles[1].phi.items())[1:]), styles[1].header)
    with pytest.raises(StyleFormatError):
        blend_styles([(styles[0], 1.0), (odd, 1.0)])


def test_inside_and_outside_of_a_mask(engine: Engine, styles: list[Style]) -> None:
    mask = Image.new("L", (48, 32))
    mask.paste(255, (0, 0, 24, 32))  # the left half, at half the photo's size
    inside, outside = (engine.stylize(PHOTO, style) for style in styles)
    left, right = (0, 0, 40, 64), (56, 0, 96, 64)
    two = engine.stylize(PHOTO, styles[0], mask=mask, outside=styles[1])
    assert difference(two.crop(left), inside.crop(left)) == 0
    assert difference(two.crop(right), outside.crop(right)) == 0
    one = engine.stylize(PHOTO, styles[0], mask=mask)
    assert difference(one.crop(right), PHOTO.crop(right)) == 0


def test_the_edge_of_a_mask_is_soft(engine: Engine, styles: list[Style]) -> None:
    mask = Image.new("L", PHOTO.size)
    mask.paste(255, (0, 0, 48, 64))
    hard = engine.stylize(PHOTO, styles[0], mask=mask)
    soft = engine.stylize(PHOTO, styles[0], mask=mask, feather=6)
    near, far = (40, 0, 56, 64), (80, 0, 96, 64)
    assert difference(hard.crop(near), soft.crop(near)) > 1
    assert difference(hard.crop(far), soft.crop(far)) < 0.5


@pytest.mark.parametrize(("level", "renders"), [(255, 1), (0, 0), (128, 1)])
def test_no_rendering_that_is_not_seen(
    engine: Engine, styles: list[Style], monkeypatch: pytest.MonkeyPatch, level: int, renders: int
) -> None:
    rendered: list[Any] = []
    draw = engine.renderer.draw_many

    def counted(wanted: Any) -> Any:
        rendered.extend(wanted)
        return draw(wanted)

    monkeypatch.setattr(engine.renderer, "draw_many", counted)
    engine.stylize(PHOTO, styles[0], mask=Image.new("L", (8, 8), level))
    assert len(rendered) == renders
    engine.stylize(PHOTO, styles[0], strength=0)
    assert len(rendered) == renders


def test_colours_of_the_photo_and_strokes_of_the_render() -> None:
    photo = Image.new("RGB", (64, 64), (40, 90, 200))
    strokes = Image.new("RGB", (64, 64), (200, 60, 20))
    strokes.paste((120, 20, 0), (0, 0, 32, 64))
    kept = keep_colors(photo, strokes)
    assert hues(kept)[1] < 0, "as blue as the photo"
    assert np.sign(hues(kept)).tolist() == np.sign(hues(photo)).tolist()
    grey = np.asarray(kept.convert("L"), dtype=float)
    assert grey[:, 40:].mean() - grey[:, :24].mean() > 10, "the strokes' light and dark"


def test_a_render_of_the_same_colours_stays_as_it_is() -> None:
    assert difference(keep_colors(PHOTO, PHOTO), PHOTO) < 1


def test_grey_stays_grey() -> None:
    photo = PHOTO.convert("L").convert("RGB")
    kept = np.asarray(keep_colors(photo, picture(9, PHOTO.size)), dtype=int)
    assert np.ptp(kept, axis=-1).max() <= 1


def test_saturated_colours_keep_their_hue() -> None:
    """Lightness that the colour cannot have costs chroma, not hue: no channel is clipped away."""
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    render = Image.fromarray(np.repeat(np.tile(ramp, (64, 1))[..., None], 3, axis=-1))
    kept = np.asarray(keep_colors(Image.new("RGB", (64, 64), (255, 0, 0)), render), dtype=int)
    assert (kept[..., 0] >= kept[..., 1:].max(-1)).all()
    assert np.abs(kept[..., 1] - kept[..., 2]).max() < 120
    assert np.diff(kept[32].sum(-1)).min() >= -2, "brighter strokes are brighter"


def test_preserving_colours_in_the_engine(engine: Engine, styles: list[Style]) -> None:
    styled = engine.stylize(PHOTO, styles[0])
    kept = engine.stylize(PHOTO, styles[0], preserve_color=True)
    assert np.abs(hues(kept) - hues(PHOTO)).max() < np.abs(hues(styled) - hues(PHOTO)).max()
    assert difference(kept, PHOTO) > 1, "not the photo itself"
