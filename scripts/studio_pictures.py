#!/usr/bin/env python3
"""Write the pictures that the studio offers: the demo's, small, and sample sets of other artists.

``app/studio/pictures/small`` holds the demo's nine pictures at the size at which they are offered, 180 kB
instead of 1 MB, and of its photos also a square for a tile; the pictures themselves are loaded when they are
chosen. With ``--works FOLDER``, which holds
the works that ``app/presets/catalogue.json`` names, ``app/studio/pictures/sets`` is written too: works of the
artists below, each once small and once as it is learned from. Run again when a picture changes: python
scripts/studio_pictures.py
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image, ImageOps

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "app/studio/pictures"
CATALOGUE = ROOT / "app/presets/catalogue.json"
# Pixels of the longer side, and quality. Of the photos, one becomes the thumbnails of styles.
SIZES = {"examples": (480, 60), "photos": (384, 80)}
TILE = (216, 70)  # a tile has 72 px, on screens of up to three pixels for one
SETS = ("kandinsky", "crane", "dore")  # presets whose works may be taken along: scans, and CC0
WORKS = 4  # of each
LEARNED, OFFERED = (560, 70), (240, 55)


def shrunk(path: Path, side: int) -> Image.Image:
    """The picture upright, RGB, at most ``side`` pixels."""
    with Image.open(path) as image:
        small = ImageOps.exif_transpose(image).convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def main() -> None:
    """Write all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--works", type=Path, help="folder that holds the catalogue's files")
    works = parser.parse_args().works
    small = PICTURES / "small"
    small.mkdir(exist_ok=True)
    for folder, (side, quality) in SIZES.items():
        for path in sorted((PICTURES / folder).glob("*.jpg")):
            shrunk(path, side).save(small / f"{path.stem}.webp", quality=quality, method=6)
    for path in sorted((PICTURES / "photos").glob("*.jpg")):
        side, quality = TILE
        square = ImageOps.fit(shrunk(path, 2 * side), (side, side), Image.Resampling.LANCZOS)
        square.save(small / f"{path.stem}-tile.webp", quality=quality, method=6)
    if works is None:
        return
    sets = PICTURES / "sets"
    sets.mkdir(exist_ok=True)
    catalogue = {preset["slug"]: preset for preset in json.loads(CATALOGUE.read_text(encoding="utf-8"))}
    for slug in SETS:
        for number, work in enumerate(catalogue[slug]["works"][:WORKS], start=1):
            for suffix, (side, quality) in (("", LEARNED), ("-small", OFFERED)):
                target = sets / f"{slug}-{number}{suffix}.webp"
                shrunk(works / work["file"], side).save(target, quality=quality, method=6)


if __name__ == "__main__":
    main()
