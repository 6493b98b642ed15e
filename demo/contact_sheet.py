"""Contact sheets: examples above and what was made of a photo below, rows of results, or a wall of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

WIDTH = 1680  # px of the whole sheet
MARGIN = 48  # px around everything
GAP = 16  # px between pictures
PAPER, INK, GREY = "#fbfaf7", "#1c1b19", "#77726a"
TITLE, LABEL, NOTE = 34, 24, 19  # font sizes, px
MAX_RESULT_HEIGHT = 760  # px; keeps the sheet of an upright photo on one screen


@dataclass(frozen=True)
class Panel:
    """A picture with a label and a smaller line of explanation under it."""

    picture: Image.Image
    label: str
    note: str


def contact_sheet(title: str, examples: Sequence[Image.Image], panels: Sequence[Panel]) -> Image.Image:
    """Lay out ``examples`` as one row of equal height and ``panels`` (pictures of one size) below."""
    inner = WIDTH - 2 * MARGIN
    top_row = _justified(examples, inner)
    bottom_row = _panels(panels, inner)
    rows_top = MARGIN + TITLE + 22
    labels_top = rows_top + top_row[0].height + 14 + LABEL + 34
    sheet, draw = _sheet(title, labels_top + _height(bottom_row))
    _hang(sheet, top_row, rows_top)
    below = rows_top + top_row[0].height + 14
    draw.text((MARGIN, below), f"{_count(len(examples))} in the style", INK, _font(LABEL))

    _place(sheet, draw, panels, bottom_row, labels_top)
    return sheet


def rows(title: str, lines: Sequence[Sequence[Panel]]) -> Image.Image:
    """Each of ``lines`` (pictures of one size) as a row of panels."""
    scaled = [_panels(panels, WIDTH - 2 * MARGIN) for panels in lines]
    top = MARGIN + TITLE + 22
    heights = [
        _height(pictures) if any(panel.label or panel.note for panel in panels) else _tallest(pictures) + GAP
        for panels, pictures in zip(lines, scaled, strict=True)
    ]
    sheet, draw = _sheet(title, top + sum(heights))
    for panels, pictures, height in zip(lines, scaled, heights, strict=True):
        _place(sheet, draw, panels, pictures, top)
        top += height
    return sheet


def wall(title: str, pictures: Sequence[Image.Image], across: int = 5) -> Image.Image:
    """Pictures of any size side by side, so many in a row, which fills the sheet."""
    hung = [
        _justified(pictures[at : at + across], WIDTH - 2 * MARGIN) for at in range(0, len(pictures), across)
    ]
    top = MARGIN + TITLE + 22
    sheet, _ = _sheet(title, top + sum(row[0].height + GAP for row in hung) - GAP + MARGIN)
    for row in hung:
        _hang(sheet, row, top)
        top += row[0].height + GAP
    return sheet


def _sheet(title: str, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    sheet = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 8), title, INK, _font(TITLE))
    return sheet, draw


def _hang(sheet: Image.Image, pictures: Sequence[Image.Image], top: int) -> None:
    x = MARGIN
    for picture in pictures:
        sheet.paste(picture, (x, top))
        x += picture.width + GAP


def _height(pictures: Sequence[Image.Image]) -> int:
    """Of a row of panels with their words, and the margin below."""
    return _tallest(pictures) + 14 + LABEL + 8 + NOTE + MARGIN


def _tallest(pictures: Sequence[Image.Image]) -> int:
    return max(picture.height for picture in pictures)


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, or as much of its beginning as goes into ``width`` px, with an ellipsis."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1].rstrip()
    return f"{text}…"


def _place(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    panels: Sequence[Panel],
    pictures: Sequence[Image.Image],
    top: int,
) -> None:
    x = MARGIN
    for panel, picture in zip(panels, pictures, strict=True):
        sheet.paste(picture, (x, top))
        below = top + picture.height + 14
        draw.text((x, below), _shortened(panel.label, _font(LABEL), picture.width), INK, _font(LABEL))
        draw.text((x, below + LABEL + 8), panel.note, GREY, _font(NOTE))
        x += picture.width + GAP


def _justified(pictures: Sequence[Image.Image], width: int) -> list[Image.Image]:
    """The pictures scaled to one height at which they fill ``width`` px together with the gaps."""
    free = width - GAP * (len(pictures) - 1)
    height = min(round(free / sum(p.width / p.height for p in pictures)), 420)
    return [
        p.resize((round(p.width * height / p.height), height), Image.Resampling.LANCZOS) for p in pictures
    ]


def _panels(panels: Sequence[Panel], width: int) -> list[Image.Image]:
    """The pictures of the panels, scaled so that they share ``width`` px and none is too high."""
    share = (width - GAP * (len(panels) - 1)) // len(panels)
    return [_fitted(panel.picture, share, MAX_RESULT_HEIGHT) for panel in panels]


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(width / picture.width, height / picture.height)
    size = (round(picture.width * scale), round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _count(number: int) -> str:
    words = {1: "One picture", 2: "Two pictures", 3: "Three pictures", 4: "Four pictures", 5: "Five pictures"}
    return words.get(number, f"{number} pictures")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # Pillow carries this one: it looks the same on every machine
