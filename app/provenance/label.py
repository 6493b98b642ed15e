"""A label that people see in a picture: white letters in a corner, on a dark, half-transparent ground."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from app.bounds import LabelPlace
from app.errors import ConfigError
from app.settings import Settings

HEIGHT = 0.05
"""Of a capital letter, at least: a share of the picture's short side (GB 45438-2025)."""

_READABLE = 8  # px of a capital's height that smaller pictures get, too, where it fits
_GROUND = 160  # of 255: even on white, letters then have a contrast above 4.5 (WCAG 2.2)
_WIDEST = 0.9  # of the short side
_LARGE = 2000  # px of the side of a picture in which the rounding to pixels does not count
_MISSING = "\uffff"  # no character: fonts draw it as they draw all that they lack


@dataclass(frozen=True)
class Label:
    """A text, its place, and the font's file (default: Pillow's own, of Latin letters)."""

    text: str = "AI generated"
    place: LabelPlace = "none"
    font: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Label":
        """As configured. Raises ConfigError when the text cannot be drawn."""
        label = cls(settings.label_text, settings.label, settings.label_font)
        label._check()
        return label

    def at(self, place: LabelPlace) -> "Label":
        """The same in another place."""
        return replace(self, place=place)

    @property
    def record(self) -> dict[str, str] | None:
        """What a result says of it; None: it has none."""
        return {"text": self.text, "place": self.place} if self.place != "none" else None

    def draw(self, image: Image.Image) -> Image.Image:
        """The picture (RGB or RGBA) with the label on top, be it transparent there or not; without a place
        the picture itself."""
        if self.place == "none":
            return image
        plate, margin = _plate(self, image.size)
        across, down = (space - side for space, side in zip(image.size, plate.size, strict=True))
        left = max(0, across - margin if self.place.endswith("right") else min(margin, across))
        top = max(0, down - margin if self.place.startswith("bottom") else min(margin, down))
        plate = plate.crop((0, 0, min(plate.width, image.width), min(plate.height, image.height)))
        labelled = image.copy()
        if labelled.mode == "RGBA":
            labelled.alpha_composite(plate, (left, top))
        else:
            labelled.paste(plate, (left, top), mask=plate)
        return labelled

    def _check(self) -> None:
        """Raises ConfigError."""
        try:
            font = _load(self, 100)
        except OSError as error:
            raise ConfigError(
                f"FEWSTROKE_LABEL_FONT: {self.font} is no font that can be read ({error})."
            ) from error
        if not self.text.strip():
            raise ConfigError(
                "FEWSTROKE_LABEL_TEXT is empty: results get no label with FEWSTROKE_LABEL=none."
            )
        lacking = [letter for letter in dict.fromkeys(self.text) if letter != " " and not _has(font, letter)]
        if lacking:
            raise ConfigError(
                f"FEWSTROKE_LABEL_TEXT: the font has no {' '.join(map(ascii, lacking))}. "
                "Name the file of one that has with FEWSTROKE_LABEL_FONT, or take other words."
            )
        plate, _ = _plate(self, (_LARGE, _LARGE))
        if plate.width > _WIDEST * _LARGE:
            raise ConfigError(
                f"FEWSTROKE_LABEL_TEXT: {self.text!r} is too long for a picture's short side: shorten it."
            )


NO_LABEL = Label()


@lru_cache(maxsize=8)
def _plate(label: Label, size: tuple[int, int]) -> tuple[Image.Image, int]:
    """Letters and ground for a picture of this size, and how far they stand from its border, px."""
    least = math.ceil(HEIGHT * min(size))
    for height in range(max(least, _READABLE), least - 1, -1):
        font, edge = _of_height(label, height), height // 2
        left, top, right, bottom = (round(side) for side in font.getbbox(label.text))
        sides = (right - left + 2 * edge, bottom - top + 2 * edge)
        if sides[0] <= size[0] and sides[1] <= size[1]:
            break
    plate = Image.new("RGBA", sides, (0, 0, 0, _GROUND))
    ImageDraw.Draw(plate).text((edge - left, edge - top), label.text, font=font, fill="white")
    return plate, edge


def _of_height(label: Label, height: int) -> ImageFont.FreeTypeFont:
    """The font in the size at which its capitals are so high, px."""
    size = height
    while (capital := _capital(font := _load(label, size))) < height:
        size += max(1, (height - capital) * size // height)
    return font


def _load(label: Label, size: int) -> ImageFont.FreeTypeFont:
    """Raises OSError."""
    if label.font is not None:
        return ImageFont.truetype(label.font, size)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _capital(font: ImageFont.FreeTypeFont) -> int:
    _, top, _, bottom = font.getbbox("A")
    return math.floor(bottom - top)


def _has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    """Whether it can draw this one, and not a box in its place."""
    drawn, missing = (font.getmask(each) for each in (letter, _MISSING))
    return drawn.getbbox() is not None and (drawn.size, bytes(drawn)) != (missing.size, bytes(missing))
