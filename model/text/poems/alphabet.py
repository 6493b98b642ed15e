"""The characters that a model of poems knows, with their rhymes and tones in Middle Chinese.

A rhyme is one of the 106 of the book Pingshui (13th century), the standard of regulated verse. A character
with several readings has several rhymes, and may have both tones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

Tone = Literal["level", "oblique"]
UNKNOWN = 0
_LEVEL = ("上平聲", "下平聲")  # how the names of level rhymes begin; all others are oblique


class Alphabet:
    """Characters as numbers, from 1 on; 0 is every other character.

    Args:
        characters: in the order of their numbers.
        rhymes: the characters of each rhyme, by the rhyme's name.
        variants: other ways to write a character -> the one that is known.
    """

    def __init__(self, characters: str, rhymes: Mapping[str, str], variants: Mapping[str, str]) -> None:
        self.characters = characters
        self.rhymes = dict(rhymes)
        self.variants = dict(variants)
        self._number = {character: i for i, character in enumerate(characters, 1)}
        self._translation = str.maketrans(self.variants)

    @property
    def size(self) -> int:
        """Number of tokens, the unknown one among them."""
        return len(self.characters) + 1

    def to_dict(self) -> dict[str, Any]:
        """As stored in a checkpoint."""
        return {"characters": self.characters, "rhymes": self.rhymes, "variants": self.variants}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Alphabet:
        """What ``to_dict`` made."""
        return cls(values["characters"], values["rhymes"], values["variants"])

    def numbers(self, text: str) -> list[int]:
        """One number for each character, variants as what they are variants of."""
        return [self._number.get(c, UNKNOWN) for c in text.translate(self._translation)]

    def text(self, numbers: Iterable[int]) -> str:
        """The characters; □ for the unknown one."""
        return "".join(self.characters[n - 1] if n else "□" for n in numbers)

    @cached_property
    def rhymes_of(self) -> dict[int, frozenset[str]]:
        """Number -> names of its rhymes; characters that the book does not have are missing."""
        found: dict[int, set[str]] = {}
        for name, characters in self.rhymes.items():
            for character in characters:
                number = self._number.get(character)
                if number is not None:
                    found.setdefault(number, set()).add(name)
        return {number: frozenset(names) for number, names in found.items()}

    def tones_of(self, number: int) -> frozenset[Tone]:
        """Level, oblique, or both; empty where the book does not say."""
        return frozenset(tone_of(name) for name in self.rhymes_of.get(number, ()))


def tone_of(rhyme: str) -> Tone:
    """The tone of a rhyme."""
    return "level" if rhyme.startswith(_LEVEL) else "oblique"


def make_alphabet(texts: Iterable[str], book: Mapping[str, str], size: int) -> Alphabet:
    """The ``size`` most frequent characters of some texts.

    A character that the rhyme book does not have, and that simplifies to the same as exactly one that it has,
    is a variant of that one (爲 of 為, 黄 of 黃).
    """
    from collections import Counter

    from model.text.poems.script import to_simplified

    counts = Counter(c for text in texts for c in text if is_chinese(c))
    known = sorted(set("".join(book.values())))
    simple: dict[str, list[str]] = {}
    for character in known:
        simple.setdefault(to_simplified(character), []).append(character)
    variants: dict[str, str] = {}
    in_book = set(known)
    for character in sorted(counts):
        same = simple.get(to_simplified(character), [])
        if character not in in_book and len(same) == 1:
            variants[character] = same[0]
    for other, character in variants.items():
        counts[character] += counts.pop(other)
    kept = sorted(counts, key=lambda c: (-counts[c], c))[:size]
    inside = set(kept)
    rhymes = {name: "".join(c for c in text if c in inside) for name, text in book.items()}
    return Alphabet("".join(kept), rhymes, {a: b for a, b in variants.items() if b in inside})


def is_chinese(character: str) -> bool:
    """A Chinese character, also of the extensions."""
    return "\u3400" <= character <= "\u9fff" or "\U00020000" <= character <= "\U0003ffff"


def rhyme_book() -> dict[str, str]:
    """The characters of the 106 rhymes, by name."""
    text = (Path(__file__).parent / "pingshui.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return dict(line.split(" ", 1) for line in lines)
