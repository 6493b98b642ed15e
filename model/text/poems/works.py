"""The poems that training and measuring read: a folder for each poet, in traditional characters."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.text.poems.poem import Poem, read_poems
from model.text.poems.script import is_simplified, to_simplified, to_traditional

Kind = Literal["shi", "ci", "qu"]
KINDS: tuple[Kind, ...] = ("shi", "ci", "qu")
_KIND = {"tangshi": "shi", "songshi": "shi", "songci": "ci", "yuanqu": "qu"}
KEPT_APART = ("李白", "李清照")  # for the demo: poets that many readers know
_ENOUGH = 400  # characters that tell how a file is written
Part = Literal["training", "held out", "validation"]


@dataclass(frozen=True)
class Poet:
    """One poet's poems of one kind.

    Attributes:
        name: of the folder.
        group: the collection that it is from, such as ``tangshi``.
        kind: shi, ci or qu.
        poems: in traditional characters.
    """

    name: str
    group: str
    kind: Kind
    poems: tuple[Poem, ...]


def part_of(name: str) -> Part:
    """What a poet is used for, by their name alone: 9 of 100 are held out, 5 are for choosing settings.

    The same person has the same part in every collection: their name counts, in simplified characters.
    """
    person = to_simplified(re.sub(r"[\d《].*", "", name.split("_", 1)[-1]))
    if person in {to_simplified(known) for known in KEPT_APART}:
        return "held out"
    bucket = zlib.crc32(person.encode()) % 22
    return "held out" if bucket < 2 else "validation" if bucket == 2 else "training"


def read_poets(root: Path) -> list[Poet]:
    """All poets below ``root``: ``<collection>_<poet>/poems.txt``. Poets without verse are left out."""
    poets = []
    for path in sorted(root.glob("*/*.txt")):
        group = path.parent.name.split("_", 1)[0]
        kind = _KIND.get(group, "shi")
        text = path.read_text(encoding="utf-8")
        if is_simplified(text[:_ENOUGH]):
            text = to_traditional(text)
        poems = tuple(read_poems(text))
        if poems:
            poets.append(Poet(path.parent.name, group, kind, poems))  # type: ignore[arg-type]
    return poets


def chosen(poets: Iterable[Poet], part: Part) -> list[Poet]:
    """The poets of one part."""
    return [poet for poet in poets if part_of(poet.name) == part]


def all_text(poets: Sequence[Poet]) -> Iterable[str]:
    """Every title and line."""
    for poet in poets:
        for poem in poet.poems:
            yield poem.title
            yield from poem.lines
