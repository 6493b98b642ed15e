"""Stories of authors whom no training saw: kept, compared with what they learned from, and judged blind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.counts import count_forms
from benchmarks.evaluation.blind.pairs import Key
from benchmarks.evaluation.written_stories import (
    FORM_FILE,
    SHEET_FILE,
    SHOWN,
    SHOWN_WORDS,
    Written,
    WrittenOptions,
    comparisons,
    copies,
    divided,
    write_pairs,
    write_stories,
)
from model.text.reading import Text
from model.text.stories.base import StoriesBase
from model.text.stories.works import Author, part_of
from tests.model.text.test_reading import PROSE
from tests.model.text.test_stories import Talker, base  # noqa: F401

OPTIONS = WrittenOptions(each=2, authors=2, words=30, works=2)
NAMES = ("Wilde_Oscar", "Nesbit_E", "Verne_Jules", "Alcott_Louisa_May")


@pytest.fixture
def talking(base: StoriesBase) -> StoriesBase:  # noqa: F811
    return replace(base, network=_Reader(base))  # type: ignore[arg-type]


class _Reader(Talker):
    """Learns as the network does; what it writes does not depend on it."""

    def __init__(self, base: StoriesBase) -> None:  # noqa: F811
        super().__init__(base.tokenizer)
        self.network = base.network

    def __call__(self, inputs, phi=None, memory=None, *, last=False):
        if memory is None:
            return self.network(inputs, phi)
        return super().__call__(inputs, phi, memory, last=last)


def authors() -> list[Author]:
    """Works that are alike but for a paragraph that says whose they are."""
    return [
        Author(name, tuple(Text(str(i), f"{PROSE}\n\nWork {i} of {name}.") for i in range(5)))
        for name in NAMES
    ]


def told(author: str, number: int, **changes: object) -> Written:
    text = f"What {author} tells, {number}."
    values = {"title": "The Gate", "text": text, "ended": True, "examples": 4, "training": 0, "nearest": "so"}
    return Written(author, number, **(values | changes))  # type: ignore[arg-type]


def test_stories_are_of_held_out_authors_and_written_once(
    talking: StoriesBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_stories(talking, authors(), OPTIONS, tmp_path)
    assert len({story.author for story in made}) == 2
    assert all(part_of(story.author) == "held out" for story in made)
    assert [story.number for story in made] == [0, 1, 0, 1]
    assert len({story.title for story in made}) == 2
    learned = len(list(tmp_path.glob("*.safetensors")))
    monkeypatch.setattr("benchmarks.evaluation.written_stories.adapt", lambda *_, **__: pytest.fail("again"))
    assert write_stories(talking, authors(), OPTIONS, tmp_path) == made
    more = write_stories(talking, authors(), replace(OPTIONS, each=3), tmp_path)
    assert [story for story in more if story.number < 2] == made
    assert len(more) == 6
    assert len(list(tmp_path.glob("*.safetensors"))) == learned == 2


def test_no_author_begins_after_the_last_minute(talking: StoriesBase, tmp_path: Path) -> None:
    said: list[str] = []
    assert write_stories(talking, authors(), replace(OPTIONS, minutes=0), tmp_path, said.append) == []
    assert "minutes are over" in said[0]
    with pytest.raises(BenchmarkError, match="minutes"):
        copies([])


def test_copies_are_the_longest_of_all() -> None:
    found = copies([told("a", 0, examples=7, nearest="the one"), told("b", 0, training=9), told("b", 1)])
    assert (found["longest_run_of_examples"], found["longest_run_of_training"]) == (7, 9)
    assert (found["stories"], found["authors"], found["longest_run_around"]) == (3, 2, "the one")


def test_pairs_are_of_one_title_and_seed_and_no_story_comes_twice_too_early() -> None:
    stories = [told(author, number) for author in "abcd" for number in range(3)]
    found = comparisons(stories, 6, 0)
    assert all(own.number == other.number and own.author != other.author for own, other in found)
    assert len({story.text for pair in found for story in pair}) == 12
    assert len(comparisons(stories, 12, 0)) == 12
    with pytest.raises(BenchmarkError, match="12 pairs"):
        comparisons(stories, 13, 0)
    alike = [told(author, 0, text="The same.") for author in "ab"]
    with pytest.raises(BenchmarkError, match="0 pairs"):
        comparisons(alike, 1, 0)


def test_the_sheet_names_nobody_and_the_form_is_counted_with_the_key(tmp_path: Path) -> None:
    stories = [told(name, number, text=f"Text {place}{number}.") for place, name in enumerate(NAMES[:3])
               for number in range(4)]  # fmt: skip
    folder = tmp_path / "pairs"
    key = write_pairs(folder, stories, authors(), 6, OPTIONS, {"seed": 0})
    key.write(tmp_path / "key.json")
    assert Key.read(tmp_path / "key.json") == key
    sheet = (folder / SHEET_FILE).read_text()
    own = {(story.author, story.number): story.text for story in stories}
    for pair, part in zip(key.pairs, sheet.split("## Pair ")[1:], strict=True):
        left, right = part.split("### Left")[1].split("### Right")
        number = int(pair.photo.rpartition(", ")[2])
        assert own[pair.style, number] in (left if pair.left == "own" else right)
        assert part.split("### Left")[0].count("---") == SHOWN - 1
    assert {pair.left for pair in key.pairs} == {"own", "other"}
    form = folder / FORM_FILE
    assert sorted(file.name for file in folder.iterdir()) == sorted([SHEET_FILE, FORM_FILE])
    lines = [f"{pair.pair},{'left' if pair.left == 'own' else 'right'}" for pair in key.pairs]
    form.write_text("\n".join([form.read_text().splitlines()[0], *lines]) + "\n")
    counted = count_forms([form], tmp_path / "key.json")
    assert "6/6 = 100%" in counted
    assert "Grades" not in counted


def test_passages_are_of_works_that_the_style_did_not_read(tmp_path: Path) -> None:
    learned, shown = divided(authors()[0], OPTIONS)
    assert {text.title for text in learned} | {text.title for text in shown} == set("01234")
    assert not {text.title for text in learned} & {text.title for text in shown}
    stories = [told(name, 0) for name in NAMES[:2]]
    write_pairs(tmp_path, stories, authors(), 1, OPTIONS, {})
    sheet = (tmp_path / SHEET_FILE).read_text()
    passages = sheet.split("### By the author")[1].split("### Left")[0].split("---")
    assert all(0 < len(passage.split()) <= SHOWN_WORDS + 1 for passage in passages)


def test_options_are_kept_in_the_key(tmp_path: Path) -> None:
    key = write_pairs(tmp_path, [told(n, 0) for n in NAMES[:2]], authors(), 1, OPTIONS, {"base": "b"})
    assert json.loads(json.dumps(key.about)) == {"base": "b"}
