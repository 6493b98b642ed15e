"""A wall of results: each photo a row, each style a column. ``python -m demo.wall --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from demo.contact_sheet import Panel, rows
from model.image.engine import Engine
from model.image.media.folders import pictures

SQUARE = 512  # pixels a side of every photo


def squared(path: Path) -> Image.Image:
    """The middle square of a photo."""
    with Image.open(path) as photo:
        side = min(photo.size)
        left, top = (photo.width - side) // 2, (photo.height - side) // 2
        part = photo.convert("RGB").crop((left, top, left + side, top + side))
    return part.resize((SQUARE, SQUARE), Image.Resampling.LANCZOS)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m demo.wall", description=__doc__)
    parser.add_argument("styles", nargs="+", type=Path, help="folders of works, a style each")
    parser.add_argument("--photos", nargs="+", type=Path, required=True)
    parser.add_argument("--examples", type=int, default=5, help="works of a folder to learn from")
    parser.add_argument("-o", "--out", type=Path, required=True, help="PNG or WebP file to write")
    options = parser.parse_args(arguments)
    engine = Engine.load()
    photos = [squared(path) for path in options.photos]
    columns = []
    for folder in options.styles:
        found = pictures(folder)[: options.examples]
        if not found:
            print(f"error: {folder} holds no pictures", file=sys.stderr)
            return 2
        style = engine.adapt([Image.open(path) for path in found])
        name = folder.name.removeprefix("lo_").replace("_", " ")
        last = len(photos) - 1
        columns.append(
            [Panel(engine.stylize(p, style), name if i == last else "", "") for i, p in enumerate(photos)]
        )
        print(name, flush=True)
    lines = list(zip(*columns, strict=True))
    rows(f"{len(columns)} styles, {len(photos)} photos", lines).save(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
