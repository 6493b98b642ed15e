#!/usr/bin/env python3
"""Write the prose that ``make demo-stories`` learns from: stretches of books by an author who is held out.

To make ``demo/prose`` afresh (DATA: see "Training" in docs/stories.md)::

    python -m scripts.demo_prose DATA/stories_en/Wilde_Oscar demo/prose
"""

from __future__ import annotations

import argparse
from pathlib import Path

from model.text.stories.passages import tidy
from model.text.stories.works import part_of

LENGTH = 7500  # characters, at most
STRETCHES = {
    "canterville-1": ("01_The_Canterville_Ghost.txt", "Standing on the steps"),
    "canterville-2": ("01_The_Canterville_Ghost.txt", "The next morning, when the Otis family"),
    "infanta-1": ("06_A_House_of_Pomegranates.txt", "IT was the birthday of the Infanta"),
    "infanta-2": ("06_A_House_of_Pomegranates.txt", "A procession of noble boys"),
}


def main() -> None:
    """Write the files. Ends with a sentence where the author is one that training reads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="<author>, a folder with works")
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    if part_of(given.source.name) != "held out":
        parser.error(f"{given.source.name} is not held out: choose an author whom training never reads")
    given.target.mkdir(parents=True, exist_ok=True)
    for name, (file, first) in STRETCHES.items():
        text = tidy((given.source / file).read_text(encoding="utf-8"))
        begin = text.index(first)
        stretch = text[begin : begin + LENGTH].rsplit("\n\n", 1)[0]
        (given.target / f"{name}.txt").write_text(stretch + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
