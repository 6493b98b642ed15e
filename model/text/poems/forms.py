"""Forms of Chinese verse: how many lines of how many characters, which lines rhyme, and the tones.

Regulated verse (近體詩) of four or eight lines: even lines rhyme on one level rhyme, the first may; lines
that do not rhyme end on an oblique tone; within a line the even places alternate, couplets oppose each other
and follow each other (對, 黏). A ci follows its tune: only the lengths of its lines are prescribed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.text.errors import WritingError
from model.text.poems.poem import Layout, Poem, layout_of
from model.text.poems.works import Kind

Pattern = str
"""One sign a character: P level, Z oblique, * either."""

# The last five places of the four kinds of line. Odd places are free where no fault comes of it.
_LINES: Mapping[str, Pattern] = {"a": "*Z*PZ", "A": "*ZZPP", "b": "*PPZZ", "B": "PP*ZP"}
_OPPOSITE = {"P": "Z", "Z": "P", "*": "*"}
_COUPLETS = {"a": "aB", "b": "bA", "A": "AB", "B": "BA"}  # by their first line
_NEXT = {"a": "b", "b": "a", "A": "b", "B": "a"}  # the first line of the following couplet

_REGULATED = {"wujue": (4, 5), "qijue": (4, 7), "wulu": (8, 5), "qilu": (8, 7)}
_NAMES = {
    "五絕": "wujue", "五绝": "wujue", "五言絕句": "wujue", "五言绝句": "wujue",
    "七絕": "qijue", "七绝": "qijue", "七言絕句": "qijue", "七言绝句": "qijue",
    "五律": "wulu", "五言律詩": "wulu", "五言律诗": "wulu", "wulü": "wulu",
    "七律": "qilu", "七言律詩": "qilu", "七言律诗": "qilu", "qilü": "qilu",
    "絕句": "jueju", "绝句": "jueju", "律詩": "lushi", "律诗": "lushi", "lüshi": "lushi",
    "詞": "ci", "词": "ci",
}  # fmt: skip
_EITHER = {"jueju": ("wujue", "qijue"), "lushi": ("wulu", "qilu")}
FORMS = (*_EITHER, *_REGULATED, "ci")


@dataclass(frozen=True)
class Form:
    """What a poem has to keep to.

    Attributes:
        name: as it is asked for.
        kind: of poem.
        layout: of its lines.
        patterns: the tones of every line, one pattern or several to choose from; empty: free.
    """

    name: str
    kind: Kind
    layout: Layout
    patterns: tuple[tuple[Pattern, ...], ...] = ()


def tone_patterns(lines: int, length: int) -> tuple[tuple[Pattern, ...], ...]:
    """The four patterns of regulated verse, by the first line: a and b do not rhyme, A and B do."""
    found = []
    for first in "abAB":
        kinds, couplet = "", first
        while len(kinds) < lines:
            kinds += _COUPLETS[couplet]
            couplet = _NEXT[couplet]
        found.append(tuple(_pattern(kind, length) for kind in kinds))
    return tuple(found)


def _pattern(kind: str, length: int) -> Pattern:
    five = _LINES[kind]
    return five if length == 5 else "*" + _OPPOSITE[five[1]] + five


def regulated(name: str) -> Form:
    """wujue, qijue, wulu or qilu."""
    lines, length = _REGULATED[name]
    layout = tuple((length, number % 2 == 1) for number in range(lines))
    return Form(name, "shi", layout, tone_patterns(lines, length))


def rhyming(form: Form, pattern: Sequence[Pattern]) -> list[int]:
    """The lines of regulated verse that rhyme."""
    return [i for i, tones in enumerate(pattern) if tones.endswith("P")] if form.patterns else []


def canonical_name(name: str) -> str:
    """One of ``FORMS``, also for a name in Chinese; raises ``WritingError``."""
    found = _NAMES.get(name.strip(), name.strip().lower())
    if found not in FORMS:
        raise WritingError(f"There is no form {name!r}: choose one of {', '.join(FORMS)}.")
    return found


def form_named(name: str, examples: Sequence[Poem], tunes: Mapping[str, Layout], tune: str | None) -> Form:
    """The form that is asked for.

    Args:
        name: one of ``FORMS``, or its name in Chinese.
        examples: say how long the lines of a ``jueju`` or ``lushi`` are: as in most of them.
        tunes: layouts of ci by the name of the tune, in traditional characters.
        tune: of a ci.

    Raises:
        WritingError: an unknown form or tune.
    """
    name = canonical_name(name)
    if name in _EITHER:
        fives = sum(line == 5 for poem in examples for line in map(len, poem.lines))
        sevens = sum(line == 7 for poem in examples for line in map(len, poem.lines))
        return regulated(_EITHER[name][sevens > fives])
    if name in _REGULATED:
        return regulated(name)
    own = {poem.title: layout_of(poem) for poem in examples if poem.title in tunes}
    known = {**tunes, **own}
    if tune is None:
        likely = Counter(poem.title for poem in examples if poem.title in known).most_common(1)
        tune = likely[0][0] if likely else next(iter(tunes), None)
    if tune is None or tune not in known:
        names = "、".join(list(tunes)[:12])
        raise WritingError(f"No tune {tune!r} is known: choose one such as {names}.")
    return Form("ci", "ci", known[tune])


def tunes_of(poems: Sequence[Poem], *, least: int = 8) -> dict[str, Layout]:
    """The most frequent layout of every tune that at least ``least`` ci share, frequent tunes first."""
    layouts: dict[str, Counter[Layout]] = {}
    for poem in poems:
        layouts.setdefault(poem.title, Counter())[layout_of(poem)] += 1
    common = {title: counts.most_common(1)[0] for title, counts in layouts.items() if title}
    ordered = sorted(common.items(), key=lambda item: -item[1][1])
    return {title: layout for title, (layout, count) in ordered if count >= least}
