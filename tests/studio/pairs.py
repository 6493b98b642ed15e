"""Write a folder of three pairs to be judged: ``python -m tests.studio.pairs FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.evaluation.blind.pairs import Comparison, draw_lots
from benchmarks.evaluation.blind.sheets import write_pairs


def write(folder: Path) -> None:
    """Noise for works, and results in two plain colors."""
    work = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8))
    made = {color: folder / f"{color}.png" for color in ("teal", "maroon")}
    folder.mkdir(parents=True, exist_ok=True)
    for color, path in made.items():
        Image.new("RGB", (90, 60), color).save(path)
    comparisons = [Comparison("noise", photo, (made["teal"], made["maroon"])) for photo in "abc"]
    lots = draw_lots(comparisons, 0)
    key = write_pairs(folder / "pairs", lots, {"noise": [work] * 5}, ("teal", "maroon"), {})
    key.write(folder / "pairs-key.json")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
