"""Short stories in the styles of authors whom no training saw: what they copy, and pairs for a judge.

All authors write to the same titles with the same seeds: two stories differ by what was learned alone.
Styles and stories are kept in a folder: a run that was ended goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.cli.results import write_bytes
from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.pairs import Comparison, Key, Pair, draw_lots
from benchmarks.evaluation.blind.verdicts import CHOICE, write_form
from model.text.reading import Text
from model.text.stories.adaptation import adapt
from model.text.stories.base import StoriesBase
from model.text.stories.style import StoryStyle
from model.text.stories.works import Author, chosen, read_part
from model.text.stories.writing import StoryRequest, StoryWriter

TITLES = (
    "The Lamp on the Hill", "The Last Ferry", "A Letter from the North", "The Locked Room", "The White Horse",
    "An Evening in Spring", "The Stranger at the Gate", "The Old Clock",
)  # fmt: skip
METHODS = ("own", "other")
FORM_FILE, SHEET_FILE = "verdicts.csv", "pairs.md"
SHOWN, SHOWN_WORDS = 3, 90  # passages of the author above each pair, and the words of each
TOGETHER = 8  # stories side by side
ABOUT = f"""Each pair has passages by one author, and two short texts by a machine: one learned from other
works of that author, the other from another author's; title and length asked for are the same.
Which of the two is in the manner of the passages? The answer goes into the column `preferred` of
`{FORM_FILE}`: left or right."""


@dataclass(frozen=True)
class WrittenOptions:
    """How much is written.

    Attributes:
        each: stories of an author.
        authors: at most.
        words: asked for of a story.
        works: that an author is learned from; passages on the sheets are from others.
        minutes: begin no author after that; None: all are written.
    """

    each: int = 16
    authors: int = 7
    words: int = 60
    works: int = 4
    minutes: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Written:
    """One story; runs in words, see ``model.text.stories.writing.Report``."""

    author: str
    number: int  # of the title and the seed
    title: str
    text: str  # without title
    ended: bool
    examples: int
    training: int
    nearest: str


def divided(author: Author, options: WrittenOptions) -> tuple[list[Text], list[Text]]:
    """Works to learn from, and works to show."""
    works = [read_part(work) for work in author.works]
    random.Random(f"{options.seed} {author.name}").shuffle(works)
    cut = min(options.works, len(works) - 1)
    return works[:cut], works[cut:]


def drawn_authors(authors: Sequence[Author], options: WrittenOptions) -> list[Author]:
    """Some of the authors whom no training saw."""
    able = chosen(authors, "held out")
    random.Random(options.seed).shuffle(able)
    return able[: options.authors]


def write_stories(
    base: StoriesBase,
    authors: Sequence[Author],
    options: WrittenOptions,
    kept: Path,
    say: Callable[[str], None] = lambda line: None,
) -> list[Written]:
    """``options.each`` stories of each author, from ``kept`` where they are."""
    began, made = time.monotonic(), list[Written]()
    for author in drawn_authors(authors, options):
        place = kept / _name(base, author, options)
        stories = _read(place.with_suffix(".json"))
        while len(stories) < options.each:
            if options.minutes is not None and time.monotonic() - began > 60 * options.minutes:
                say(f"{author.name} has {len(stories)} stories: {options.minutes:g} minutes are over")
                break
            numbers = range(len(stories), min(options.each, len(stories) + TOGETHER))
            stories += _write(base, _style(base, author, options, place), author.name, numbers, options)
            write_bytes(place.with_suffix(".json"), json.dumps(list(map(asdict, stories)), indent=1).encode())
            say(f"{author.name}: {len(stories)} stories")
        made += stories[: options.each]
    return made


def _name(base: StoriesBase, author: Author, options: WrittenOptions) -> str:
    made_with = f"{base.hash} {options.words} {options.works} {options.seed}"
    return f"{author.name}-{hashlib.sha256(made_with.encode()).hexdigest()[:12]}"


def _read(file: Path) -> list[Written]:
    return [Written(**story) for story in json.loads(file.read_text())] if file.exists() else []


def _style(base: StoriesBase, author: Author, options: WrittenOptions, place: Path) -> StoryStyle:
    """From its file, where the style is learned once: as it is served."""
    file = place.with_suffix(".safetensors")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, adapt(base, divided(author, options)[0], seed=options.seed).to_bytes())
    shapes = {name: value.shape for name, value in base.phi.items()}
    return StoryStyle.from_bytes(file.read_bytes(), base_hash=base.hash, shapes=shapes)


def _write(
    base: StoriesBase, style: StoryStyle, author: str, numbers: Sequence[int], options: WrittenOptions
) -> list[Written]:
    requests = [
        StoryRequest(
            title=TITLES[number % len(TITLES)],
            length=options.words,
            person="third",
            seed=options.seed + number,
        )
        for number in numbers
    ]
    return [
        Written(
            author,
            number,
            story.title,
            story.story,
            story.ended,
            story.report.examples.longest,
            story.report.training[0],
            story.report.nearest,
        )
        for number, story in zip(numbers, StoryWriter(base).write_together(style, requests), strict=True)
    ]


def copies(stories: Sequence[Written]) -> dict[str, Any]:
    """What the stories have of others, in words."""
    if not stories:
        raise BenchmarkError("no story was written: give more --minutes")
    nearest = max(stories, key=lambda story: story.examples)
    return {
        "stories": len(stories),
        "authors": len({story.author for story in stories}),
        "words": statistics.mean(len(story.text.split()) for story in stories),
        "different": len({story.text for story in stories}),
        "ended": statistics.mean(story.ended for story in stories),
        "longest_run_of_examples": nearest.examples,
        "longest_run_of_training": max(story.training for story in stories),
        "longest_run_around": nearest.nearest,
        "samples": [asdict(story) for story in stories[:: max(1, len(stories) // 6)]],
    }


def comparisons(stories: Sequence[Written], count: int, seed: int) -> list[tuple[Written, Written]]:
    """The author's own story and another author's to the same title and seed.

    No story comes twice before each has come once.
    """
    by_number: dict[int, list[Written]] = defaultdict(list)
    for story in stories:
        by_number[story.number].append(story)
    rng = random.Random(f"{seed}/comparisons")
    once: list[tuple[Written, Written]] = []
    again: list[tuple[Written, Written]] = []
    for number in sorted(by_number):
        ring = by_number[number]
        rng.shuffle(ring)
        for place, own in enumerate(ring):
            other = ring[(place + 1) % len(ring)]
            if other.author != own.author and other.text != own.text:
                fresh = place % 2 == 0 and place + 1 < len(ring)
                (once if fresh else again).append((own, other))
    rng.shuffle(once)
    rng.shuffle(again)
    found = [*once, *again][:count]
    if len(found) < count:
        raise BenchmarkError(f"only {len(found)} pairs can be made of {len(stories)} stories: write more")
    return found


def write_pairs(
    folder: Path,
    stories: Sequence[Written],
    authors: Sequence[Author],
    count: int,
    options: WrittenOptions,
    about: dict[str, Any],
) -> Key:
    """The sheet and an empty form into ``folder``; returns the key. The folder must be empty.

    Raises:
        BenchmarkError: there are too few stories.
    """
    found = comparisons(stories, count, options.seed)
    by_name = {author.name: author for author in authors}
    told = {(own.author, f"{own.title}, {own.number}"): (own, other) for own, other in found}
    lots = draw_lots([Comparison(*place, (Path(), Path())) for place in told], options.seed)
    rng, parts, pairs = random.Random(f"{options.seed}/passages"), list[str](), list[Pair]()
    for number, (comparison, swapped) in enumerate(lots, start=1):
        sides = told[comparison.style, comparison.photo]
        order = (1, 0) if swapped else (0, 1)
        left, right = (sides[index].text for index in order)
        shown = [
            passage(work.text, rng) for work in _some(divided(by_name[comparison.style], options)[1], rng)
        ]
        parts.append(_pair(number, shown, sides[0].title, left, right))
        pairs.append(Pair(number, comparison.style, comparison.photo, *(METHODS[index] for index in order)))
    sheet = f"# {len(pairs)} pairs\n\n{ABOUT}\n\n" + "\n".join(parts)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SHEET_FILE).write_text(sheet, encoding="utf-8")
    write_form(folder / FORM_FILE, [pair.pair for pair in pairs], CHOICE)
    return Key(hashlib.sha256(sheet.encode()).hexdigest()[:16], METHODS, tuple(pairs), about)


def _some(works: Sequence[Text], rng: random.Random) -> list[Text]:
    return [works[place % len(works)] for place in rng.sample(range(max(SHOWN, len(works))), SHOWN)]


def passage(text: str, rng: random.Random) -> str:
    """Whole paragraphs, about ``SHOWN_WORDS`` words; a long last one is cut off."""
    paragraphs = text.split("\n\n")
    begin = rng.randrange(max(1, len(paragraphs) * 3 // 4))
    words: list[str] = []
    for paragraph in paragraphs[begin:]:
        words += [*([] if not words else ["\n\n"]), *paragraph.split()]
        if len(words) >= SHOWN_WORDS:
            break
    cut = words[:SHOWN_WORDS]
    return " ".join(cut).replace(" \n\n ", "\n\n") + (" [...]" if len(words) > SHOWN_WORDS else "")


def _pair(number: int, shown: Sequence[str], title: str, left: str, right: str) -> str:
    quoted = "\n\n---\n\n".join(shown)
    return (
        f"## Pair {number}\n\n### By the author\n\n{quoted}\n\n### Left: {title}\n\n{left}\n\n"
        f"### Right: {title}\n\n{right}\n"
    )
