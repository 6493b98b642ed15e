"""Puts the demo's example paintings together again from the jigsaw pieces that GCompris ships.

Debian's package ``gcompris-qt-data`` (3.1) holds works of Katsushika Hokusai (1760-1849, public
domain) cut into jigsaw pieces. To make ``app/studio/pictures/examples`` afresh::

    apt-get download gcompris-qt-data && dpkg -x gcompris-qt-data_*.deb unpacked
    cp unpacked/usr/share/gcompris-qt/rcc/paintings.rcc .
    python -m scripts.assemble_examples paintings.rcc app/studio/pictures/examples

The board files give each piece's centre to about two pixels. The rest comes from the pieces'
shapes: together they must cover every pixel of the painting exactly once, and none outside of it. A
pixel that stays uncovered all the same is filled from its neighbours.
"""

import argparse
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from scripts.qt_resources import read_resources

Floats = npt.NDArray[np.float64]

PAINTINGS = {  # our file name -> name of the pieces
    "great-wave": "GreatWave",
    "ejiri-in-suruga": "EjiriSuruga",
    "kazusa-sea-route": "KazusaSeaRoute",
    "ryogoku-bridge": "HokusaiBridge",
    "poppies": "HokusaiPoppies",
    "woman-with-fan": "HokusaiWomanHoldingFan",
}
CROPS = {"woman-with-fan": (11, 13, 289, 421)}  # inside the printed frame, which is no part of the style
MAX_BYTES = 190_000
BOARD = (702, 515)  # width and height of the board that the centres are fractions of
MAX_ROUNDS = 40  # a few are enough; bounds two groups that push each other to and fro
MARGIN = 40  # pixels around the board, so that a piece may stick out while it moves
BORDER = 3  # pixels cut off all round: the pieces' outer edges are antialiased


@dataclass
class Piece:
    column: str
    row: str
    x: int
    y: int
    colors: Floats  # (h, w, 3) in 0..255
    alpha: Floats  # (h, w) in 0..1

    def cover(self, coverage: Floats, sign: float) -> None:
        """Add the piece to (or with sign -1, take it from) ``coverage`` (H, W)."""
        height, width = self.alpha.shape
        coverage[self.y : self.y + height, self.x : self.x + width] += sign * self.alpha


def read_pieces(files: dict[str, bytes], name: str) -> list[Piece]:
    """The pieces of the painting ``name`` where the board file puts them."""
    board = next(b for n, b in files.items() if n.endswith(".qml") and f"image/{name}_".encode() in b)
    pieces = []
    pattern = rf'image/({name}_([a-z])(\d)\.webp)",\s*"x" : "([\d.]+)",\s*"y" : "([\d.]+)"'
    for file, column, row, x, y in re.findall(pattern, board.decode()):
        data = next(b for n, b in files.items() if n.endswith(f"/{file}"))
        rgba = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"), dtype=np.float64)
        left = round(float(x) * BOARD[0] - rgba.shape[1] / 2) + MARGIN
        top = round(float(y) * BOARD[1] - rgba.shape[0] / 2) + MARGIN
        pieces.append(Piece(column, row, left, top, rgba[..., :3], rgba[..., 3] / 255))
    return pieces


def fit(pieces: list[Piece]) -> Floats:
    """Move the pieces until gaps and overlaps are least; returns the coverage (H, W)."""
    coverage = np.zeros((BOARD[1] + 2 * MARGIN, BOARD[0] + 2 * MARGIN))
    for piece in pieces:
        piece.cover(coverage, 1)
    steps = [(dx, dy) for dx in range(-3, 4) for dy in range(-3, 4) if dx or dy]
    nudges = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    for _ in range(MAX_ROUNDS):
        target = np.zeros_like(coverage)  # 1 where the picture is
        target[_frame(coverage)] = 1
        moved = sum(_move(coverage, target, [piece], steps) for piece in pieces)
        # One piece alone cannot leave a place where a whole row is a pixel off.
        moved += sum(_move(coverage, target, group, nudges) for group in _groups(pieces))
        if not moved:
            break
    return coverage


def _frame(coverage: Floats) -> tuple[slice, slice]:
    """The picture's rectangle: the rows and columns that most of the outer pieces reach."""
    in_row, in_column = (coverage > 0.5).sum(axis=1), (coverage > 0.5).sum(axis=0)
    rows = np.flatnonzero(in_row > 0.5 * in_row.max())
    columns = np.flatnonzero(in_column > 0.5 * in_column.max())
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _groups(pieces: list[Piece]) -> Iterable[list[Piece]]:
    for line, place in (("row", "column"), ("column", "row")):
        for value in sorted({getattr(p, line) for p in pieces}):
            ordered = sorted(
                (p for p in pieces if getattr(p, line) == value), key=lambda p: str(getattr(p, place))
            )
            for start in range(len(ordered)):
                for end in range(start + 2, len(ordered) + 1):
                    yield ordered[start:end]


def _move(coverage: Floats, target: Floats, group: list[Piece], steps: list[tuple[int, int]]) -> bool:
    """Take the one of ``steps`` that lowers the misfit most, if any does."""
    reach = 16
    top, left = min(p.y for p in group) - reach, min(p.x for p in group) - reach
    bottom = max(p.y + p.alpha.shape[0] for p in group) + reach
    right = max(p.x + p.alpha.shape[1] for p in group) + reach
    window, wanted = coverage[top:bottom, left:right], target[top:bottom, left:right]

    def misfit() -> float:
        return float(((window - wanted) ** 2).sum())

    best, chosen = misfit() - 1e-6, (0, 0)
    for step in (*steps, chosen):  # the last one leaves the group at its best place
        dx, dy = step if step != (0, 0) else chosen
        for piece in group:
            piece.cover(coverage, -1)
            piece.x, piece.y = piece.x + dx, piece.y + dy
            piece.cover(coverage, 1)
        if step == (0, 0):
            break
        if (value := misfit()) < best:
            best, chosen = value, step
        for piece in group:
            piece.cover(coverage, -1)
            piece.x, piece.y = piece.x - dx, piece.y - dy
            piece.cover(coverage, 1)
    return chosen != (0, 0)


def paint(pieces: list[Piece], coverage: Floats) -> Image.Image:
    """The painting: pieces averaged where they overlap, gaps filled, the border cut off."""
    canvas = np.zeros((*coverage.shape, 3))
    for p in pieces:
        height, width = p.alpha.shape
        canvas[p.y : p.y + height, p.x : p.x + width] += p.colors * p.alpha[..., None]
    box = _inside(coverage)
    canvas, weight = canvas[box], np.minimum(coverage[box], 1)
    canvas /= np.maximum(coverage[box], 1e-6)[..., None]
    return Image.fromarray(_fill(canvas, weight).clip(0, 255).round().astype(np.uint8))


def _inside(coverage: Floats) -> tuple[slice, slice]:
    """The frame without its antialiased border and the rows that some outer pieces do not reach."""
    rows, columns = _frame(coverage)
    covered = coverage[rows, columns] > 0.5
    full_rows = np.flatnonzero(covered.mean(axis=1) > 0.97)
    full_columns = np.flatnonzero(covered.mean(axis=0) > 0.97)
    return (
        slice(rows.start + full_rows[0] + BORDER, rows.start + full_rows[-1] + 1 - BORDER),
        slice(columns.start + full_columns[0] + BORDER, columns.start + full_columns[-1] + 1 - BORDER),
    )


def _fill(colors: Floats, weight: Floats) -> Floats:
    """Fill where ``weight`` (H, W) is low with the mean of the known neighbours, from the rim inwards."""
    known = weight > 0.5
    colors = colors * known[..., None]
    while not known.all():
        padded, mask = np.pad(colors, ((1, 1), (1, 1), (0, 0))), np.pad(known, 1)
        height, width = known.shape
        total, count = np.zeros_like(colors), np.zeros(known.shape)
        for dy in range(3):
            for dx in range(3):
                near = mask[dy : dy + height, dx : dx + width]
                closeness = near / (1 + abs(dy - 1) + abs(dx - 1))
                total += padded[dy : dy + height, dx : dx + width] * closeness[..., None]
                count += closeness
        new = ~known & (count > 0)
        colors[new] = total[new] / count[new][..., None]
        known = known | new
    return colors


def save(picture: Image.Image, path: Path) -> None:
    """Write a JPEG of at most ``MAX_BYTES`` at the best quality that fits."""
    for quality in range(95, 60, -1):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True, subsampling=0)
        if buffer.tell() <= MAX_BYTES:
            break
    path.write_bytes(buffer.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description="Assemble the example paintings from paintings.rcc.")
    parser.add_argument("rcc", type=Path, help="rcc/paintings.rcc of gcompris-qt-data")
    parser.add_argument("out", type=Path, help="folder for the paintings")
    arguments = parser.parse_args()
    files = read_resources(arguments.rcc)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for file, name in PAINTINGS.items():
        pieces = read_pieces(files, name)
        coverage = fit(pieces)
        picture = paint(pieces, coverage)
        if file in CROPS:
            picture = picture.crop(CROPS[file])
        path = arguments.out / f"{file}.jpg"
        save(picture, path)
        gaps = int((coverage[_inside(coverage)] < 0.5).sum())
        size = f"{picture.width}x{picture.height}, {path.stat().st_size} bytes"
        print(f"{path}: {size}, {gaps} pixels of cuts filled")


if __name__ == "__main__":
    main()
