"""The prose that training and measuring read: a folder for each author, a file for each work."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model.text.reading import Text
from model.text.stories.passages import tidy

KEPT_APART = ("Wilde_Oscar",)  # for the demo
READ = 7000  # characters of a work that training reads, from its middle: what is there is known to the report
_LEAST = 4  # works of an author
_VERSE = re.compile(r"[,;:a-z] (?:And|The|To|Of|In|With|But|That|For|As|On|From|By|When|Or|Who|Where)\b")
_MOST_VERSE = 1.5  # of those in 1,000 characters: lines of verse begin with capitals

Part = Literal["training", "held out", "validation"]


@dataclass(frozen=True)
class Author:
    """One author.

    Attributes:
        name: of the folder.
        works: in prose; the title is the file's name.
    """

    name: str
    works: tuple[Text, ...]


def part_of(name: str) -> Part:
    """What an author is used for, by their name alone: 3 of 8 are held out, 1 is for choosing settings."""
    bucket = zlib.crc32(name.encode()) % 8
    if name in KEPT_APART or bucket in (3, 5, 7):
        return "held out"
    return "validation" if bucket == 6 else "training"


def read_authors(root: Path) -> list[Author]:
    """All authors below ``root``, ``<author>/*.txt``, with at least four works that are no verse."""
    authors = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        texts = [Text(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.txt"))]
        works = tuple(text for text in texts if not _is_verse(text.text))
        if len(works) >= _LEAST:
            authors.append(Author(folder.name, works))
    return authors


def chosen(authors: Iterable[Author], part: Part) -> list[Author]:
    """The authors of one part."""
    return [author for author in authors if part_of(author.name) == part]


def read_part(work: Text) -> Text:
    """What training reads of a work: whole paragraphs from its middle."""
    text = tidy(work.text)
    begin = max(0, min(len(text) // 2, len(text) - READ))
    if begin:
        begin = text.find("\n\n", begin) + 2
    return Text(work.title, text[begin : begin + READ])


def read_parts(authors: Sequence[Author]) -> list[list[Text]]:
    """Of each author's works."""
    return [[read_part(work) for work in author.works] for author in authors]


def _is_verse(text: str) -> bool:
    return len(_VERSE.findall(text)) * 1000 > _MOST_VERSE * len(text)
