"""The demo of poems: what it learns from, its calls, and its check of the form."""

import json
from pathlib import Path

import httpx
import pytest

from demo import stories
from demo.errors import DemoError
from model.text.poems.checkpoint import load_poems
from model.text.poems.poem import Poem, read_poems
from model.text.poems.prior import LINE
from model.text.poems.works import part_of
from model.text.reading import language_of, read_text

QUATRAIN = "白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。"


def shipped() -> list[Poem]:
    text = read_text(stories.POEMS.read_bytes())
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


def test_a_style_is_asked_for_a_quatrain_and_its_report_is_written(tmp_path: Path):
    item = {
        "position": 0,
        "files": [{"form": "txt", "url": "/v1/files/fil_1/content"}],
        "about": {"text": QUATRAIN, "form": "wujue", "originality": {"training": {"longest": 3}}},
    }
    sent: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            sent.append(request.read())
            return httpx.Response(202, json={"poem": {"id": "poe_1"}, "job": {"id": "job_1"}})
        if request.url.path == "/v1/poems/poe_1":
            return httpx.Response(200, json={"items": [item]})
        return httpx.Response(200, text=QUATRAIN)

    with httpx.Client(base_url="http://service", transport=httpx.MockTransport(handler)) as http:
        poem_id, job_id = stories.ask(http, "sty_1")
        stories.write_results(http, poem_id, tmp_path)
    assert job_id == "job_1"
    assert b"form=jueju" in sent[0]
    assert (tmp_path / "poem-1.txt").read_text() == QUATRAIN
    assert json.loads((tmp_path / "poem-1.originality.json").read_text())["training"]["longest"] == 3


def test_a_poem_that_breaks_its_form_fails_the_demo():
    alphabet = load_poems().alphabet
    stories.check({"text": QUATRAIN, "form": "wujue"}, alphabet)
    for broken in (QUATRAIN.replace("流", "月"), QUATRAIN.replace("樓", "")):
        with pytest.raises(DemoError, match="does not keep to its form wujue"):
            stories.check({"text": broken, "form": "wujue"}, alphabet)


def test_poems_that_are_missing_are_one_sentence_and_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert stories.main([str(tmp_path / "nobody.txt"), "--out", str(tmp_path / "out")]) == 1
    assert "nobody.txt is missing" in capsys.readouterr().out
