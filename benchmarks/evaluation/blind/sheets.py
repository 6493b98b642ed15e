"""Sheets of pairs to be judged: examples above, two results below, a number, and no method's name."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.pairs import Comparison, Key, Pair
from benchmarks.evaluation.blind.verdicts import COLUMNS, Grade, Side, write_form

MARGIN = 16
LINE = 34  # height of a line of text
EXAMPLES = 240  # height of the row of examples
LEAST_CELL = 480  # results are shown at least so large
PAPER, INK = "white", "black"
QUESTION = "Which is more in the manner of the works above, and would you hang it up?"
PAIRS_FILE = "pairs.json"
FORM_FILE = "verdicts.csv"


def sheet(number: int, examples: Sequence[Image.Image], left: Image.Image, right: Image.Image) -> Image.Image:
    """One pair as a page: the number, the examples in a row, the results side by side."""
    cell = max(LEAST_CELL, *left.size, *right.size)
    width = 2 * cell + 3 * MARGIN
    row = _row(examples, width - 2 * MARGIN)
    shown = [_contained(picture, cell) for picture in (left, right)]
    tops = [LINE, 2 * LINE + row.height + MARGIN]
    height = tops[1] + LINE + max(picture.height for picture in shown) + MARGIN
    page = Image.new("RGB", (width, height), PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(22)
    draw.text((MARGIN, 5), f"Pair {number}: examples of the style", fill=INK, font=font)
    page.paste(row, (MARGIN, tops[0] + MARGIN // 2))
    for index, (side, picture) in enumerate(zip(Side, shown, strict=True)):
        start = MARGIN + index * (cell + MARGIN)
        draw.text((start, tops[1]), side, fill=INK, font=font)
        page.paste(picture, (start + (cell - picture.width) // 2, tops[1] + LINE))
    return page


def _row(pictures: Sequence[Image.Image], width: int) -> Image.Image:
    """Pictures of one height side by side, at most ``width`` wide."""
    ratios = [picture.width / picture.height for picture in pictures]
    height = min(EXAMPLES, int((width - (len(pictures) - 1) * MARGIN) / sum(ratios)))
    row = Image.new("RGB", (width, height), PAPER)
    start = 0
    for picture, ratio in zip(pictures, ratios, strict=True):
        small = picture.convert("RGB").resize((max(1, int(height * ratio)), height), Image.Resampling.LANCZOS)
        row.paste(small, (start, 0))
        start += small.width + MARGIN
    return row


def _contained(picture: Image.Image, side: int) -> Image.Image:
    return ImageOps.contain(picture, (side, side), Image.Resampling.LANCZOS)


def write_pairs(
    folder: Path,
    lots: Sequence[tuple[Comparison, bool]],
    examples: Mapping[str, Sequence[Image.Image]],
    methods: tuple[str, str],
    about: dict[str, Any],
) -> Key:
    """Write sheets, an index, an empty form and the single pictures into ``folder``; returns the key.

    Args:
        lots: comparisons in order, each with whether its methods change sides.
        examples: what is shown above the results of each style.

    Raises:
        BenchmarkError: the folder is not empty, or the results of a pair differ in proportions.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise BenchmarkError(f"{folder} is not empty, and may hold verdicts: choose another --pairs")
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    shown = {}
    for index, style in enumerate(sorted(examples), start=1):
        names = [f"pictures/works-{index:02}-{place}.png" for place in range(1, len(examples[style]) + 1)]
        for name, picture in zip(names, examples[style], strict=True):
            (folder / name).write_bytes(_png(picture))
        shown[style] = names
    digest, pairs, listed = hashlib.sha256(), [], []
    for number, (comparison, swapped) in enumerate(lots, start=1):
        order = (1, 0) if swapped else (0, 1)
        sides = _alike(comparison, [_plain(comparison.results[index]) for index in order])
        names = [f"pictures/{number:03}-{side}.png" for side in Side]
        for name, picture in zip(names, sides, strict=True):
            data = _png(picture)
            digest.update(data)
            (folder / name).write_bytes(data)
        page = sheet(number, examples[comparison.style], *sides)
        (folder / f"{number:03}.png").write_bytes(_png(page))
        left, right = (methods[index] for index in order)
        pairs.append(Pair(number, comparison.style, comparison.photo, left, right))
        listed.append(
            {"pair": number, "examples": shown[comparison.style], "left": names[0], "right": names[1]}
        )
    name = digest.hexdigest()[:16]
    numbers = [pair.pair for pair in pairs]
    write_form(folder / FORM_FILE, numbers)
    (folder / "index.html").write_text(_index(numbers), encoding="utf-8")
    # the last file: a folder that has it is complete
    (folder / PAIRS_FILE).write_text(json.dumps({"set": name, "pairs": listed}, indent=1) + "\n")
    return Key(name, methods, tuple(pairs), about)


def _plain(path: Path) -> Image.Image:
    """The pixels of a picture and nothing else: a profile or a comment could tell the method."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    bare = Image.new("RGB", picture.size)
    bare.paste(picture)
    return bare


def _alike(comparison: Comparison, sides: Sequence[Image.Image]) -> list[Image.Image]:
    """Both sides at the smaller one's size: neither size nor sharpness of enlarging tells the method."""
    width, height = min((picture.size for picture in sides), key=lambda size: size[0] * size[1])
    for path, picture in zip(comparison.results, sides, strict=True):
        if abs(picture.width * height / (picture.height * width) - 1) > 0.02:
            raise BenchmarkError(f"{path} has other proportions than the result beside it: render both alike")
    return [
        picture
        if picture.size == (width, height)
        else picture.resize((width, height), Image.Resampling.LANCZOS)
        for picture in sides
    ]


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _index(numbers: Sequence[int]) -> str:
    pages = "\n".join(
        f'<h2>Pair {number}</h2><img loading="lazy" src="{number:03}.png" alt="Works, left, right">'
        for number in numbers
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{len(numbers)} pairs</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 1120px }}
img {{ max-width: 100% }}</style>
</head><body><h1>{len(numbers)} pairs</h1>
<p>{escape(QUESTION)} Grade each of the two as well: {", ".join(Grade)}.
Verdicts go into <code>{FORM_FILE}</code>: <code>{",".join(COLUMNS)}</code>.</p>
{pages}
</body></html>
"""
