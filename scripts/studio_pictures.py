#!/usr/bin/env python3
"""Write app/studio/pictures/small: the demo's pictures at the size at which the studio offers them.

All nine are 180 kB instead of 1 MB; the pictures themselves are loaded when they are chosen. Run again when a
picture of the demo changes: python scripts/studio_pictures.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "app/studio/pictures"
OUT = PICTURES / "small"
# Pixels of the longer side, and quality. Of the photos, one becomes the thumbnails of styles.
SIZES = {"examples": (480, 60), "photos": (384, 80)}


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for folder, (side, quality) in SIZES.items():
        for path in sorted((PICTURES / folder).glob("*.jpg")):
            with Image.open(path) as image:
                small = image.convert("RGB")
            small.thumbnail((side, side), Image.Resampling.LANCZOS)
            small.save(OUT / f"{path.stem}.webp", quality=quality, method=6)


if __name__ == "__main__":
    main()
