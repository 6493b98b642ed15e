"""What is measured of the surface of works: even or brushed, with strokes, dots or lines."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model.image.adaptation.surface import surface_of

Pixels = NDArray[np.uint8]


def noise(*, colored: bool = True) -> Pixels:
    rng = np.random.default_rng(0)
    return rng.integers(60, 200, (300, 200, 3 if colored else 1), dtype=np.uint8).repeat(
        1 if colored else 3, 2
    )


def strokes(turn: float) -> Pixels:
    """Noise that is drawn out along a direction."""
    rng = np.random.default_rng(0)
    picture = Image.new("L", (256, 256), 128)
    draw = ImageDraw.Draw(picture)
    for x, y, light in zip(*rng.integers(0, 256, (2, 6000)), rng.integers(60, 200, 6000), strict=True):
        end = (x + 14 * np.cos(turn), y + 14 * np.sin(turn))
        draw.line([(float(x), float(y)), end], fill=int(light), width=2)
    return np.stack([np.asarray(picture)] * 3, 2)


def print_on_paper(*colors: tuple[int, int, int]) -> Pixels:
    """Lines over flat colours on paper."""
    pixels = np.full((256, 256, 3), 240, dtype=np.uint8)
    for i, color in enumerate(colors):
        pixels[100:, i * 60 : i * 60 + 50] = color
    pixels[100::8] = 20
    return pixels


def test_flat_colour_is_even_and_strokes_everywhere_are_not() -> None:
    paper = noise()
    paper[:90] = 240
    even, rough, narrow = (
        Image.fromarray(paper),
        Image.fromarray(noise()),
        Image.new("RGB", (8, 900), "white"),
    )
    assert surface_of([even]).evenness == 1
    assert surface_of([rough]).evenness == 0
    assert surface_of([even, rough]).evenness == 1, "a tenth of all is enough"
    assert surface_of([narrow]).evenness == 1


@pytest.mark.parametrize("turn", [0.0, 0.8, 2.0])
def test_strokes_have_a_direction_whatever_it_is_and_dots_have_none(turn: float) -> None:
    assert surface_of([Image.fromarray(strokes(turn))]).direction > 0.9
    assert surface_of([Image.fromarray(noise())]).direction < 0.1


def test_more_texture_is_more_brushwork_and_a_print_has_none() -> None:
    weak = (128 + (noise().astype(float) - 130) / 4).astype(np.uint8)
    strong, soft = (surface_of([Image.fromarray(x)]).brushwork for x in (noise(), weak))
    assert strong > 2 * soft > 0
    assert surface_of([Image.fromarray(print_on_paper((200, 40, 40)))]).brushwork == 0


def test_tones_of_a_print_without_colour_are_lines() -> None:
    grey, colored = print_on_paper((120, 120, 120)), print_on_paper((200, 40, 40), (40, 60, 200))
    assert surface_of([Image.fromarray(grey)]).hatching == 1
    assert surface_of([Image.fromarray(colored)]).hatching == 0
    assert surface_of([Image.fromarray(noise(colored=False))]).hatching == 0, "a grey painting is painted"


def test_dots_differ_in_colour_where_the_works_do() -> None:
    patches = np.zeros((256, 256, 3), dtype=np.uint8)
    patches[:128], patches[128:] = (220, 60, 40), (40, 90, 210)
    assert surface_of([Image.fromarray(patches)]).tint == 1
    assert surface_of([Image.fromarray(noise(colored=False))]).tint == 0


def drawn_on_silk(line: tuple[int, int, int], ground: tuple[int, int, int]) -> Image.Image:
    """Thin twigs on a ground with grain."""
    rng = np.random.default_rng(0)
    picture = Image.new("RGB", (256, 256), ground)
    draw = ImageDraw.Draw(picture)
    for ends in rng.integers(0, 256, (14, 4)):
        draw.line([float(x) for x in ends], fill=line, width=2)
    grain = rng.integers(-8, 9, (256, 256, 1))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


def test_dark_lines_on_a_toned_ground_are_ink_and_light_ones_are_not() -> None:
    silk, dark, red = (150, 130, 110), (40, 36, 32), (200, 20, 20)
    assert surface_of([drawn_on_silk(dark, silk)]).ink > 0.9
    assert surface_of([drawn_on_silk(silk, dark)]).ink == 0
    assert surface_of([drawn_on_silk(red, (150, 150, 160))]).ink < 0.9, "colours are no ink"
    assert surface_of([Image.fromarray(print_on_paper((120, 120, 120)))]).ink == 0, "a print is flat already"


def test_prints_leave_most_out_ink_and_brushes_less_and_engravings_nothing() -> None:
    printed = surface_of([Image.fromarray(print_on_paper((200, 40, 40), (40, 60, 200)))]).flatness
    inked = surface_of([drawn_on_silk((40, 36, 32), (150, 130, 110))]).flatness
    brushed = surface_of([Image.fromarray(strokes(0.8))]).flatness
    engraved = surface_of([Image.fromarray(print_on_paper((120, 120, 120)))]).flatness
    assert 1 == printed > inked > brushed > engraved == 0


def test_linework_is_that_of_dense_lines_between_even_parts() -> None:
    dense = np.full((256, 256, 3), 240, dtype=np.uint8)
    dense[40:, ::6] = 20
    flat = print_on_paper((200, 40, 40))
    flat[100::8] = flat[101]  # the same colour without lines
    assert surface_of([Image.fromarray(dense)]).linework == 1
    assert surface_of([Image.fromarray(flat)]).linework == 0
    assert surface_of([Image.fromarray(noise())]).linework == 0, "texture everywhere is brushwork"
