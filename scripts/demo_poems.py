#!/usr/bin/env python3
"""Write the poems that ``make demo-stories`` learns from: verse of even lines by a poet who is held out.

Those of four or eight lines of one length among the poet's, without the notes of editors, in the order of
the source. To make ``demo/poems/libai.txt`` afresh (DATA: see "Training" in docs/stories.md)::

    python -m scripts.demo_poems DATA/poems_zh/tangshi_李白/poems.txt demo/poems/libai.txt
"""

from __future__ import annotations

import argparse
from pathlib import Path

from model.text.poems.poem import Poem, read_poems
from model.text.poems.works import part_of

POEMS = 12


def main() -> None:
    """Write the file. Ends with a sentence where the poet is one that training reads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="<collection>_<poet>/poems.txt")
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    if part_of(given.source.parent.name) != "held out":
        parser.error(f"{given.source.parent.name} is not held out: choose a poet whom training never reads")
    chosen = [poem for poem in read_poems(given.source.read_text(encoding="utf-8")) if _even(poem)][:POEMS]
    given.target.parent.mkdir(parents=True, exist_ok=True)
    given.target.write_text("\n\n".join(poem.written() for poem in chosen) + "\n", encoding="utf-8")


def _even(poem: Poem) -> bool:
    return len(poem.lines) in (4, 8) and len({len(line) for line in poem.lines}) == 1


if __name__ == "__main__":
    main()
