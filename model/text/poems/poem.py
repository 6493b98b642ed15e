"""Poems as they are read: a title, and lines of characters that close with a comma or a stop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from model.text.poems.alphabet import is_chinese

LONGEST_LINE = 15  # characters between two marks
LONGEST_TITLE = 10  # characters of a title that are read
Layout = tuple[tuple[int, bool], ...]
"""Length of each line, and whether it closes with a stop."""

_NOTE = re.compile(r"（[^（）]*）|\([^()]*\)|〖[^〖〗]*〗|〈[^〈〉]*〉")
_OPEN_NOTE = re.compile(r"[（(].*|[^（(]*[）)]", re.DOTALL)
_MARK = re.compile(r"[，。！？；、：,!?;:.\n]+")
_STOPS = set("。！？；!?;\n.")
_TITLE = re.compile(r"^《([^《》\n]*)》\s*$")


@dataclass(frozen=True)
class Poem:
    """One poem.

    Attributes:
        title: without its brackets; may be empty.
        lines: the characters between two marks, each at most ``LONGEST_LINE``.
        stops: for each line whether it closes with a full stop.
    """

    title: str
    lines: tuple[str, ...]
    stops: tuple[bool, ...]

    @property
    def text(self) -> str:
        """All characters without marks."""
        return "".join(self.lines)

    def written(self) -> str:
        """With marks, a new line after every stop, the title first."""
        marked = "".join(
            f"{line}。\n" if stop else f"{line}，" for line, stop in zip(self.lines, self.stops, strict=True)
        )
        head = f"《{self.title}》\n" if self.title else ""
        return head + marked.rstrip("，\n") + ("" if self.stops[-1] else "。")


def read_poems(text: str) -> list[Poem]:
    """The poems of a text: divided by empty lines, and by titles in 《》; notes in brackets are left out.

    Paragraphs that are not verse (a line longer than ``LONGEST_LINE``, other writing) are left out too.
    """
    poems = []
    for title, body in _paragraphs(text):
        poem = read_poem(title, body)
        if poem is not None:
            poems.append(poem)
    return poems


def read_poem(title: str, body: str) -> Poem | None:
    """One poem, or None where the text is no verse."""
    body = _OPEN_NOTE.sub("", _NOTE.sub("", _NOTE.sub("", body)))
    lines: list[str] = []
    stops: list[bool] = []
    at = 0
    for mark in [*_MARK.finditer(body), None]:
        end = mark.start() if mark else len(body)
        line = "".join(c for c in body[at:end] if is_chinese(c) or c in "□○")
        stop = mark is None or bool(_STOPS.intersection(mark.group()))
        if line:
            lines.append(line)
            stops.append(stop)
        elif lines and stop:
            stops[-1] = True
        at = mark.end() if mark else end
    if not lines or len(lines) < 2 or max(map(len, lines)) > LONGEST_LINE:
        return None
    stops[-1] = True
    return Poem("".join(c for c in title if is_chinese(c)), tuple(lines), tuple(stops))


def _paragraphs(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, list[str]]] = []
    fresh = True
    for line in text.splitlines():
        line = line.strip()
        match = _TITLE.match(line)
        if match:
            found.append((match.group(1), []))
            fresh = False
        elif not line:
            fresh = True
        else:
            if fresh or not found:
                found.append(("", []))
                fresh = False
            found[-1][1].append(line)
    return [(title, "\n".join(lines)) for title, lines in found if lines]


def layout_of(poem: Poem) -> Layout:
    """The length of each line and whether it closes with a stop: what the form prescribes."""
    return tuple(zip(map(len, poem.lines), poem.stops, strict=True))


def is_verse(poems: Sequence[Poem], text: str) -> bool:
    """At least half of the characters of ``text`` are in the poems."""
    chinese = sum(map(is_chinese, text))
    return sum(len(p.text) + len(p.title) for p in poems) * 2 >= chinese > 0


def repeats(text: str) -> float:
    """Share of characters that are the same as the one before them."""
    return sum(a == b for a, b in pairwise(text)) / max(1, len(text) - 1)
