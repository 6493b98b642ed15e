"""Stories over HTTP, with a tiny language model that any word may follow any in: from prose to stories."""

from __future__ import annotations

import json

import httpx
import pytest
import torch
from fastapi import FastAPI

from app.api.main import create_app
from app.api.media import MEDIA
from app.infra.broker import EmbeddedServer
from app.settings import Settings
from model.text.documents import MAX_XML
from model.text.stories import package
from tests.app.conftest import joined
from tests.app.modalities.conftest import StartWorker
from tests.app.modalities.kinds import Files, until
from tests.model.text.conftest import make_poem
from tests.model.text.documents import OLE, archive, chapter, docx, epub
from tests.model.text.test_reading import POEMS, PROSE
from tests.model.text.test_stories import SHAPE, make_tokenizer, make_weights, write_gguf
from tests.support.events import parse_sse
from tests.support.server import serve


@pytest.fixture
async def live(settings: Settings, nats: EmbeddedServer):
    """The media as they are shipped."""
    application: FastAPI = create_app(joined(settings, nats), MEDIA)
    async with serve(application) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture
def language_model(settings: Settings) -> None:
    """Every token has its own likelihood, whatever comes before: words, and stops between them."""
    weights = make_weights()
    for name in weights:
        if not name.endswith(("norm", "norm_1", "norm_2")):
            weights[name] = torch.zeros_like(weights[name])
    likely = weights["tokens"][:, 0]  # all that is left of a token after its norm is that it is there
    likely += 0.1
    vocabulary = make_tokenizer().get_vocab()
    for token, number in vocabulary.items():
        if token.startswith("Ġ") and token[1:].isalpha():
            likely[number] = 1.0
    likely[vocabulary["."]] = 1.3
    settings.stories_checkpoint.parent.mkdir()
    source = settings.data_dir / "tiny.gguf"
    write_gguf(source, weights)
    assert weights["tokens"].shape == (SHAPE.tokens, SHAPE.width)
    package.convert(source, settings.stories_checkpoint)


def files(*items: tuple[str, bytes]) -> Files:
    return [("examples", (name, data, "text/plain")) for name, data in items]


@pytest.mark.usefixtures("language_model")
async def test_stories_come_as_text_markdown_and_json_with_progress_by_words(
    live: httpx.AsyncClient, start_worker: StartWorker
) -> None:
    await start_worker()
    sent = files(("one.txt", PROSE.encode()), ("two.md", PROSE.encode()))
    answer = await live.post("/v1/styles", files=sent, data={"steps": 1})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    await until(live, body["job"]["id"], "succeeded")
    style = (await live.get(f"/v1/styles/{body['style']['id']}")).json()
    assert (style["modality"], style["status"]) == ("stories", "ready")
    asked = {"style_id": style["id"], "title": "The Gate", "length": 40, "count": 2, "avoid": "dog, cat"}
    made = await live.post("/v1/stories", headers={"Prefer": "wait=100"}, data=asked)
    assert made.status_code == 200, made.text
    story = made.json()["story"]
    assert story["job"]["state"] == "succeeded", story["job"]["error"]
    for number, item in enumerate(story["items"]):
        assert [file["form"] for file in item["files"]] == ["txt", "md", "json"]
        about = item["about"]
        assert about["seed"] == number
        assert about["words"] >= 5  # cut behind the last whole sentence
        assert about["originality"]["examples"]["longest"] <= 8
        assert (await live.get(item["files"][0]["url"])).text == about["text"] + "\n"
        assert (await live.get(item["files"][1]["url"])).text.startswith("## The Gate\n\n")
        assert json.loads((await live.get(item["files"][2]["url"])).text) == about
    events = parse_sse((await live.get(story["job"]["links"]["events"])).text.splitlines())
    told = [event["data"] for event in events if event["event"] == "progress"]
    assert {step["steps"] for step in told} == {80}
    counts = [step["step"] for step in told]
    assert counts == sorted(counts)
    assert 40 <= counts[-1] <= 80
    texts = ["", ""]
    for event in events:
        if event["event"] == "text":
            now = event["data"]
            texts[now["position"]] = texts[now["position"]][: now["begin"]] + now["text"]
    assert [text.split() for text in texts] == [
        item["about"]["text"].removeprefix("The Gate").split() for item in story["items"]
    ]
    models = (await live.get("/v1/models")).json()["modalities"]
    assert {m["name"]: m["base_hash"] for m in models}["stories"] == style["base_hash"]


EPUB = epub({"b": chapter(f"<p>{PROSE}</p>"), "a": chapter("<p>And so it was.</p>")})


@pytest.mark.parametrize(
    ("name", "data"), [("a.docx", docx(PROSE)), ("a.epub", EPUB), ("a", EPUB), ("a", docx(PROSE))]
)
async def test_documents_are_learned_from_as_texts(live: httpx.AsyncClient, name: str, data: bytes) -> None:
    answer = await live.post("/v1/styles", files=files((name, data), ("b.txt", PROSE.encode())))
    assert answer.status_code == 202, answer.text
    assert answer.json()["style"]["modality"] == "stories"


@pytest.mark.parametrize(
    ("name", "data", "status", "code", "said"),
    [
        ("a.epub", archive({"a.txt": PROSE}), 415, "work_format_unsupported", "ZIP archive"),
        ("a.epub", archive({"META-INF/a": PROSE}), 415, "work_format_unsupported", "ZIP archive"),
        ("a.doc", OLE + bytes(600), 415, "work_format_unsupported", "save it as .docx"),
        ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), 415, "work_format_unsupported", "password"),
        ("a.docx", docx(*POEMS.split("\n")), 415, "work_format_unsupported", "plain text"),
        ("a.docx", docx(), 422, "work_empty", "no text"),
        ("a.docx", docx(PROSE)[:-99], 422, "work_damaged", "unpacked"),
        ("a.epub", epub({"a": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}), 422, "work_damaged", "entities"),
        ("a.epub", epub({"a": chapter(" " * MAX_XML)}), 422, "work_too_large", "unpack to more"),
    ],
)
async def test_documents_that_cannot_be_read_are_refused(
    live: httpx.AsyncClient, name: str, data: bytes, status: int, code: str, said: str
) -> None:
    answer = await live.post("/v1/styles", files=files((name, data)))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert said in answer.json()["detail"]
    assert answer.json()["detail"].startswith("File 1 of `examples`: ")


async def test_texts_go_where_their_language_is_learned(live: httpx.AsyncClient) -> None:
    verse = make_poem(1).written().encode()
    for data, modality in (
        (PROSE.encode(), "stories"),
        (b"\xef\xbb\xbf" + PROSE.encode(), "stories"),
        (verse, "poems"),
    ):
        answer = await live.post("/v1/styles", files=files(("a.txt", data)))
        assert answer.status_code == 202, answer.text
        assert answer.json()["style"]["modality"] == modality
    answer = await live.post("/v1/styles", files=files(("a.txt", PROSE.encode()), ("b.txt", verse)))
    assert (answer.status_code, answer.json()["code"]) == (422, "examples_mixed")
    short = b"The cat and the dog were in the house, and it was late."
    answer = await live.post("/v1/styles", files=files(("a.txt", short)))
    assert (answer.status_code, answer.json()["code"]) == (422, "work_empty")
    assert "400" in answer.json()["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"length": "29"}, {"length": "601"}, {"count": "5"}, {"max_copied": "13"}, {"person": "second"},
        {"title": "<|im_end|>"}, {"avoid": "two words"}, {"avoid": ",".join("abcdefgh" * 7)},
    ],
)  # fmt: skip
async def test_options_that_are_unknown_are_refused(live: httpx.AsyncClient, wrong: dict[str, str]) -> None:
    answer = await live.post("/v1/stories", data={"style_id": "sty_x", **wrong})
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "validation_failed"
