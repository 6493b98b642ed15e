"""``python -m benchmarks.gpu --out DIR --seconds 75``: needs torch, torchvision, numpy, Pillow, psutil."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.gpu.report import page
from benchmarks.gpu.run import SECTIONS, Plan, run


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu.json and gpu.md")
    parser.add_argument("--seconds", type=float, default=75.0, help="of all sections, after loading")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--checkpoint", type=Path, help="default: the shipped one")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="some of them, separated by commas")
    parser.add_argument("--tiny", action="store_true", help="small sizes: to see that everything runs")
    given = parser.parse_args()
    chosen = tuple(name.strip() for name in given.sections.split(","))
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}: there are {', '.join(SECTIONS)}")
    plan = (Plan.tiny if given.tiny else Plan)(seconds=given.seconds, sections=chosen)
    document = run(
        plan,
        device=given.device,
        checkpoint=given.checkpoint,
        out=given.out,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(page(document))


if __name__ == "__main__":
    main()
