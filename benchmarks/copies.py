"""How far copies of pictures are from other pictures (``python -m benchmarks.copies --pictures DIR``)."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from app.provenance.copies import COPY, agreement, fingerprints
from benchmarks.tables import table

_PHOTOS = Path(__file__).parents[1] / "model" / "image" / "photos"
_SIZE = (256, 256)


def _painted(image: Image.Image) -> Image.Image:
    """Flat patches, few and strong colours: what many styles do."""
    flat = ImageOps.posterize(image.filter(ImageFilter.ModeFilter(9)), 3)
    return ImageEnhance.Contrast(ImageEnhance.Color(flat).enhance(2)).enhance(1.4)


_COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "the same picture": lambda image: image,
    "painted over": _painted,
    "cropped to 95 % of each side": lambda image: image.crop((6, 6, 250, 250)),
    "cropped to 90 % of each side": lambda image: image.crop((13, 13, 243, 243)),
}


def _pictures(folders: Sequence[Path], most: int) -> list[Image.Image]:
    paths = [path for folder in folders for path in sorted(folder.rglob("*.jpg"))]
    random.Random(0).shuffle(paths)
    read = []
    for path in paths[:most]:
        with Image.open(path) as opened:
            read.append(opened.convert("RGB").resize(_SIZE))
    return read


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, action="append", help="a folder, any number of times")
    parser.add_argument("--most", type=int, default=300, help="pictures")
    asked = parser.parse_args()
    pictures = _pictures(asked.pictures or [_PHOTOS], asked.most)
    started = time.process_time()
    known = [fingerprints([picture]) for picture in pictures]
    each = 1000 * (time.process_time() - started) / len(pictures)
    rows = []
    for name, handling in _COPIES.items():
        found = [agreement(handling(picture), data) for picture, data in zip(pictures, known, strict=True)]
        rows.append(_row(name, [value for value in found if value is not None]))
    different = [
        value
        for i, picture in enumerate(pictures)
        if (value := agreement(picture, b"".join(known[:i] + known[i + 1 :]))) is not None
    ]
    rows.append(_row(f"another picture, the nearest of {len(pictures) - 1}", different))
    print(
        table(
            ["compared with an example", "agreement, mean", "5 %", "95 %", f"told as a copy ({COPY})"], rows
        )
    )
    print(f"\n{each:.1f} ms of a processor for the hashes of a picture")


def _row(name: str, found: Sequence[float]) -> list[str]:
    values = np.array(found)
    low, high = np.percentile(values, [5, 95])
    told = f"{int((values >= COPY).sum())} of {len(values)}"
    return [name, f"{values.mean():.2f}", f"{low:.2f}", f"{high:.2f}", told]


if __name__ == "__main__":
    main()
