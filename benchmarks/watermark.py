"""How well the watermark is found, and how little it changes (``python -m benchmarks.watermark``).

Every picture is scaled to 1280 pixels, marked, and done to what happens to pictures; the same is done to it
without a mark.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from app.provenance.watermark.detect import find
from app.provenance.watermark.embed import embed
from app.provenance.watermark.payload import Payload
from benchmarks.tables import table

_PHOTOS = Path(__file__).parents[1] / "model" / "image" / "photos"
_SIDE = 1280

Handling = Callable[[Image.Image, random.Random], Image.Image]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def _scaled(image: Image.Image, by: float) -> Image.Image:
    size = (round(image.width * by), round(image.height * by))
    return image.resize(size, Image.Resampling.BICUBIC)


def _cropped(image: Image.Image, to: float, random: random.Random) -> Image.Image:
    width, height = round(image.width * to), round(image.height * to)
    left, top = random.randint(0, image.width - width), random.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _screenshot(image: Image.Image, random: random.Random) -> Image.Image:
    """Shown smaller in a page, with a bit of the page around it, then saved as a JPEG."""
    shown = _scaled(image, random.uniform(0.5, 0.9))
    around = random.randint(0, shown.width // 20)
    page = Image.new("RGB", (shown.width + 2 * around, shown.height + 2 * around), "white")
    page.paste(shown, (around, around))
    return _jpeg(page, 85)


HANDLINGS: dict[str, Handling] = {
    "as it is": lambda image, _: image,
    "JPEG 80": lambda image, _: _jpeg(image, 80),
    "half the size": lambda image, _: _scaled(image, 0.5),
    "half the size, JPEG 80": lambda image, _: _jpeg(_scaled(image, 0.5), 80),
    "cropped to 80 % of each side": lambda image, random: _cropped(image, 0.8, random),
    "cropped, JPEG 80": lambda image, random: _jpeg(_cropped(image, 0.8, random), 80),
    "screenshot": _screenshot,
}


@dataclass(frozen=True)
class Tried:
    """``found`` and ``false`` by handling: of the marked picture the right payload, of the unmarked any."""

    psnr: float
    embedding: float  # ms of a processor
    finding: float
    found: dict[str, bool]
    false: dict[str, bool]


def tried(path: Path) -> Tried:
    """One picture."""
    chance = random.Random(path.name)
    with Image.open(path) as opened:
        plain = _scaled(opened.convert("RGB"), _SIDE / max(opened.size))
    payload = Payload(chance.getrandbits(16), chance.getrandbits(32))
    started = time.process_time()
    marked = embed(plain, payload)
    embedding = time.process_time() - started
    error = np.asarray(marked, np.float64) - np.asarray(plain, np.float64)
    found, false = {}, {}
    started = time.process_time()
    for name, handling in HANDLINGS.items():
        seen = find(handling(marked, chance))
        found[name] = seen is not None and seen.payload == payload
    finding = (time.process_time() - started) / len(HANDLINGS)
    for name in ("as it is", "JPEG 80", "screenshot"):
        false[name] = find(HANDLINGS[name](plain, chance)) is not None
    return Tried(
        10 * np.log10(255**2 / max(float((error**2).mean()), 1e-9)),
        1000 * embedding,
        1000 * finding,
        found,
        false,
    )


def _pictures(folder: Path, most: int) -> Iterator[Path]:
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in (".jpg", ".png", ".webp")]
    random.Random(0).shuffle(found)
    yield from found[:most]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, action="append", help="a folder, any number of times")
    parser.add_argument("--most", type=int, default=1000, help="pictures of each folder")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    paths = [path for folder in asked.pictures or [_PHOTOS] for path in _pictures(folder, asked.most)]
    with ProcessPoolExecutor(asked.processes) as pool:
        results = list(pool.map(tried, paths, chunksize=4))
    of = len(results)
    rows = []
    for name in HANDLINGS:
        alarms = f"{sum(each.false[name] for each in results)} of {of}" if name in results[0].false else ""
        rows.append([name, f"{sum(each.found[name] for each in results)} of {of}", alarms])
    print(table(["the picture", "found", "found in unmarked ones"], rows))
    psnr = np.array([each.psnr for each in results])
    print(
        f"\nPSNR {psnr.mean():.1f} dB on average, {np.percentile(psnr, 5):.1f} dB or more for 95 %, "
        f"{psnr.min():.1f} dB at least; {np.mean([each.embedding for each in results]):.0f} ms of a "
        f"processor to mark a picture of {_SIDE} pixels, "
        f"{np.mean([each.finding for each in results]):.0f} ms to look for a mark"
    )


if __name__ == "__main__":
    main()
