"""Sheets: size, order and proportions of what is drawn."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.evaluation.contact_sheet import CAPTION, HEADER, MARGIN, Row, contact_sheet, mosaic


def test_cells_lie_where_their_columns_and_rows_are() -> None:
    colors = [["red", "lime"], ["blue", "yellow"]]
    rows = [
        Row(f"row {i}", [Image.new("RGB", (30, 30), color) for color in line])
        for i, line in enumerate(colors)
    ]
    sheet = contact_sheet(["left", "right"], rows, cell=60)
    assert sheet.size == (2 * (60 + MARGIN) + MARGIN, HEADER + 2 * (CAPTION + 60 + MARGIN) + MARGIN)
    for i, line in enumerate(colors):
        for j, color in enumerate(line):
            center = (MARGIN + j * (60 + MARGIN) + 30, HEADER + i * (CAPTION + 60 + MARGIN) + CAPTION + 30)
            assert sheet.getpixel(center) == Image.new("RGB", (1, 1), color).getpixel((0, 0))


def test_proportions_are_kept() -> None:
    sheet = contact_sheet(["wide"], [Row("", [Image.new("RGB", (200, 100), "black")])], cell=100)
    cell = np.asarray(sheet)[HEADER + CAPTION : HEADER + CAPTION + 100, MARGIN : MARGIN + 100]
    assert (cell == 0).all(axis=2).sum() == 100 * 50


def test_labels_are_drawn_and_long_ones_stay_in_their_column() -> None:
    picture = Image.new("RGB", (10, 10), "white")
    sheet = contact_sheet(["W" * 300, ""], [Row("caption", [picture, picture])], cell=80)
    header = np.asarray(sheet.convert("L"))[:HEADER]
    assert header[:, MARGIN : MARGIN + 80].min() < 50
    assert header[:, MARGIN + 80 + MARGIN :].min() == 255
    caption = np.asarray(sheet.convert("L"))[HEADER : HEADER + CAPTION]
    assert caption.min() < 50


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 pictures"):
        contact_sheet(["a", "b"], [Row("", [Image.new("RGB", (5, 5))])])
    with pytest.raises(ValueError, match="1 pictures"):
        contact_sheet(["a"], [])


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_a_mosaic_shows_every_picture(count: int) -> None:
    shades = [40 + 20 * index for index in range(count)]
    page = mosaic([Image.new("RGB", (20, 30), (shade, 0, shade)) for shade in shades], cell=120)
    assert page.size == (120, 120)
    seen = {int(value) for value in np.unique(np.asarray(page)[..., 0])}
    assert set(shades) <= seen
