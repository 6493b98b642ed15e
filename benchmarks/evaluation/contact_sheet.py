"""Contact sheets: labelled rows of pictures on one page, to be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from PIL import Image, ImageDraw, ImageFont, ImageOps

MARGIN = 8  # pixels between cells
HEADER = 26  # height of the line of column names
CAPTION = 20  # height of the line above each row
PAPER, INK, GAP = "white", "black", (225, 225, 225)


@dataclass(frozen=True)
class Row:
    """One line of a sheet: a caption and as many pictures as the sheet has columns."""

    caption: str
    pictures: Sequence[Image.Image]


def contact_sheet(columns: Sequence[str], rows: Sequence[Row], *, cell: int = 192) -> Image.Image:
    """Draw ``rows`` under the names of ``columns``; every picture is fitted into ``cell`` x ``cell`` px.

    Pictures keep their proportions. Returns an RGB picture of
    ``columns * (cell + MARGIN) + MARGIN`` by ``HEADER + rows * (CAPTION + cell + MARGIN) + MARGIN`` px.

    Raises:
        ValueError: no row, or a row with another number of pictures than there are columns.
    """
    if not rows or any(len(row.pictures) != len(columns) for row in rows):
        raise ValueError(f"every row needs {len(columns)} pictures")
    pitch, step = cell + MARGIN, CAPTION + cell + MARGIN
    sheet = Image.new("RGB", (len(columns) * pitch + MARGIN, HEADER + len(rows) * step + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    bold, plain = ImageFont.load_default(15), ImageFont.load_default(13)
    for index, name in enumerate(columns):
        draw.text((MARGIN + index * pitch, 5), _shortened(name, bold, cell), fill=INK, font=bold)
    for line, row in enumerate(rows):
        top = HEADER + line * step
        draw.text((MARGIN, top + 2), row.caption, fill=INK, font=plain)
        for index, picture in enumerate(row.pictures):
            fitted = ImageOps.contain(picture.convert("RGB"), (cell, cell), Image.Resampling.LANCZOS)
            left = MARGIN + index * pitch + (cell - fitted.width) // 2
            sheet.paste(fitted, (left, top + CAPTION + (cell - fitted.height) // 2))
    return sheet


def mosaic(pictures: Sequence[Image.Image], *, cell: int = 192) -> Image.Image:
    """Several pictures, cut to equal tiles, in one ``cell`` x ``cell`` px picture.

    Raises:
        ValueError: no picture.
    """
    if not pictures:
        raise ValueError("a mosaic of no pictures")
    across = ceil(sqrt(len(pictures)))
    down = ceil(len(pictures) / across)
    width, height = ((cell - 2 * (tiles - 1)) // tiles for tiles in (across, down))
    page = Image.new("RGB", (cell, cell), GAP)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, across)
        tile = ImageOps.fit(picture.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
        page.paste(tile, (column * (width + 2), row * (height + 2)))
    return page


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
