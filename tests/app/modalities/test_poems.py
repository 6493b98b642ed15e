"""Poems over HTTP, with a network that knows nothing yet: from texts to poems that keep to their form."""

from __future__ import annotations

import json

import httpx
import pytest
from fastapi import FastAPI

from app.api.main import create_app
from app.api.media import MEDIA
from app.infra.broker import EmbeddedServer
from app.settings import Settings
from model.text.poems.checkpoint import load_poems
from model.text.poems.checks import faults
from model.text.poems.forms import regulated
from model.text.poems.poem import read_poems
from model.text.reading import MAX_BYTES
from tests.app.conftest import joined
from tests.app.modalities.conftest import StartWorker
from tests.app.modalities.kinds import Files, until
from tests.model.text.conftest import make_poem
from tests.support.server import serve

VERSE = "\n\n".join(make_poem(i).written() for i in range(4)).encode()


@pytest.fixture
async def live(settings: Settings, nats: EmbeddedServer):
    """The media as they are shipped: texts are poems, not the letters of the other tests."""
    application: FastAPI = create_app(joined(settings, nats), MEDIA)
    async with serve(application) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


def files(*items: tuple[str, bytes]) -> Files:
    return [("examples", (name, data, "text/plain")) for name, data in items]


async def test_poems_come_as_text_markdown_and_json_and_keep_to_their_form(
    live: httpx.AsyncClient, start_worker: StartWorker, settings: Settings
) -> None:
    await start_worker()
    answer = await live.post(
        "/v1/styles", files=files(("one.txt", VERSE), ("two.md", VERSE)), data={"steps": 1}
    )
    assert answer.status_code == 202, answer.text
    body = answer.json()
    await until(live, body["job"]["id"], "succeeded")
    style = (await live.get(f"/v1/styles/{body['style']['id']}")).json()
    assert style["modality"] == "poems"
    asked = {"style_id": style["id"], "form": "七絕", "count": 2, "script": "traditional", "seed": 3}
    made = await live.post("/v1/poems", headers={"Prefer": "wait=100"}, data=asked)
    assert made.status_code == 200, made.text
    poem = made.json()["poem"]
    assert poem["job"]["state"] == "succeeded", poem["job"]["error"]
    assert poem["settings"]["form"] == "qijue"
    alphabet = load_poems(settings.poems_checkpoint).alphabet
    for number, item in enumerate(poem["items"]):
        assert [file["form"] for file in item["files"]] == ["txt", "md", "json"]
        about = item["about"]
        assert about["seed"] == 3 + number
        assert about["originality"]["training"]["longest"] <= 4
        text = (await live.get(item["files"][0]["url"])).text
        assert text == about["text"] + "\n"
        (read,) = read_poems(text)
        assert faults(read, regulated("qijue"), alphabet) == []
        assert json.loads((await live.get(item["files"][2]["url"])).text)["lines"] == list(read.lines)


@pytest.mark.parametrize(
    ("name", "data", "status", "code"),
    [
        ("empty.txt", b"", 422, "work_empty"),
        ("program.txt", b"\x7fELF\x02\x01\x01\0" + bytes(range(256)), 415, "work_format_unsupported"),
        ("old.txt", "床前看月光疑是地上霜".encode("gb18030"), 415, "work_format_unsupported"),
        ("wide.txt", "床前看月光".encode("utf-16"), 415, "work_format_unsupported"),
        ("same.txt", "月".encode() * 4000, 422, "work_empty"),
        ("english.txt", b"The cat and the dog were in the house, and it was late. " * 3, 422, "work_empty"),
        ("prose.txt", "太史公曰余讀諜記黃帝以來皆有年數稽其曆譜諜終始".encode(), 422, "work_empty"),
        ("large.txt", ("床前看月光，疑是地上霜。\n" * (MAX_BYTES // 37 + 9)).encode(), 422, "work_too_large"),
    ],
)
async def test_what_is_no_poem_is_refused_with_a_code_and_a_sentence(
    live: httpx.AsyncClient, name: str, data: bytes, status: int, code: str
) -> None:
    answer = await live.post("/v1/styles", files=files((name, data)))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "UTF-8" in answer.json()["detail"]


async def test_options_that_are_unknown_are_refused(live: httpx.AsyncClient) -> None:
    for wrong in ({"form": "sonnet"}, {"max_copied": 9}, {"title": "一" * 11}, {"script": "cursive"}):
        answer = await live.post("/v1/poems", data={"style_id": "sty_x", **wrong})
        assert answer.status_code == 422, answer.text
        assert answer.json()["code"] == "validation_failed"
