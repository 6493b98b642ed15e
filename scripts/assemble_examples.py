"""Puts the demo's example paintings together again from the jigsaw pieces that GCompris ships.

Debian's package ``gcompris-qt-data`` (3.1) holds works of Katsushika Hokusai (1760-1849, public
domain) cut into jigsaw pieces. To make ``demo/examples`` afresh::

    apt-get download gcompris-qt-data && dpkg -x gcompris-qt-data_*.deb unpacked
    python -m scripts.assemble_examples unpacked/usr/share/gcompris-qt/rcc/paintings.rcc demo/examples

The board files give each piece's centre to about two pixels. The rest comes from the pieces'
shapes: neighbours must cover every pixel of the painting exactly once. What is left of the cuts
(a hairline of one pixel in places) is filled from both its sides.
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
    improved = True
    while improved:
        moved = sum(_move(coverage, [piece], steps) for piece in pieces)
        # One piece alone cannot leave a place where a whole row is a pixel off.
        moved += sum(_move(coverage, group, nudges) for group in _groups(pieces))
        improved = moved > 0
    return coverage


def _groups(pieces: list[Piece]) -> Iterable[list[Piece]]:
    for line, place in (("row", "column"), ("column", "row")):
        for value in sorted({getattr(p, line) for p in pieces}):
            ordered = sorted(
                (p for p in pieces if getattr(p, line) == value), key=lambda p: str(getattr(p, place))
            )
            for start in range(len(ordered)):
                for end in range(start + 2, len(ordered) + 1):
                    yield ordered[start:end]


def _move(coverage: Floats, group: list[Piece], steps: list[tuple[int, int]]) -> bool:
    """Take the one of ``steps`` that lowers the misfit most, if any does."""
    reach = 16
    top, left = min(p.y for p in group) - reach, min(p.x for p in group) - reach
    bottom = max(p.y + p.alpha.shape[0] for p in group) + reach
    right = max(p.x + p.alpha.shape[1] for p in group) + reach
    window = coverage[top:bottom, left:right]

    def misfit() -> float:
        return float(((window - 1) ** 2).sum())

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
    """The painting: pieces averaged where they overlap, hairlines filled, antialiased borders cut off."""
    canvas = np.zeros((*coverage.shape, 3))
    for p in pieces:
        height, width = p.alpha.shape
        canvas[p.y : p.y + height, p.x : p.x + width] += p.colors * p.alpha[..., None]
    box = _covered_box(coverage)
    canvas, weight = canvas[box], np.minimum(coverage[box], 1)
    canvas /= np.maximum(coverage[box], 1e-6)[..., None]
    return Image.fromarray(_fill(canvas, weight).clip(0, 255).round().astype(np.uint8))


def _covered_box(coverage: Floats) -> tuple[slice, slice]:
    rows = np.flatnonzero((coverage > 0.5).mean(axis=1) > 0.3)
    columns = np.flatnonzero((coverage > 0.5).mean(axis=0) > 0.3)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    # Rows and columns that only some of the outer pieces reach are no part of the picture.
    inside = coverage[top:bottom, left:right] > 0.5
    while inside[0].mean() < 0.97:
        top, inside = top + 1, inside[1:]
    while inside[-1].mean() < 0.97:
        bottom, inside = bottom - 1, inside[:-1]
    while inside[:, 0].mean() < 0.97:
        left, inside = left + 1, inside[:, 1:]
    while inside[:, -1].mean() < 0.97:
        right, inside = right - 1, inside[:, :-1]
    return slice(top + BORDER, bottom - BORDER), slice(left + BORDER, right - BORDER)


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
        gaps = int((coverage[_covered_box(coverage)] < 0.5).sum())
        size = f"{picture.width}x{picture.height}, {path.stat().st_size} bytes"
        print(f"{path}: {size}, {gaps} pixels of cuts filled")


if __name__ == "__main__":
    main()
