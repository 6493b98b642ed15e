"""The tools for models, called by the protocol's own client at the real service."""

from __future__ import annotations

import base64
import io
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ImageContent, ResourceLink, TextContent
from PIL import Image

from app.api.services import Container
from app.auth.principal import Scope
from app.settings import Settings
from tests.model.text.documents import docx
from tests.model.text.test_reading import PROSE
from tests.support.fake_worker import FakeWorker, ready_style
from tests.support.keys import key_for
from tests.support.pictures import png
from tests.support.problems import check_problem
from tests.support.served import Service

TOOLS = ["learn_style", "stylize", "compose", "write", "list_styles", "wait_for_job"]
PHOTO = base64.b64encode(png(960, 640, seed=9)).decode()
EXAMPLES = [base64.b64encode(png(seed=seed)).decode() for seed in range(2)]
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
POEMS = ["登鸛雀樓\n白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。\n"]


@asynccontextmanager
async def over_http(url: str, headers: dict[str, str] | None = None) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False, timeout=120) as http,
        Client(streamable_http_client(f"{url.rstrip('/')}/mcp", http_client=http)) as client,
    ):
        yield client


def text_of(result: CallToolResult) -> str:
    return "\n".join(item.text for item in result.content if isinstance(item, TextContent))


def made(result: CallToolResult) -> tuple[ResourceLink, Image.Image]:
    """The link and the small picture of an answer."""
    assert not result.is_error, text_of(result)
    (link,) = [item for item in result.content if isinstance(item, ResourceLink)]
    (small,) = [item for item in result.content if isinstance(item, ImageContent)]
    return link, Image.open(io.BytesIO(base64.b64decode(small.data)))


async def test_a_style_is_learned_and_put_on_a_photo(served: Service) -> None:
    async with over_http(served.url) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
        begun = await client.call_tool(
            "learn_style", {"examples": EXAMPLES, "name": "Blocks", "wait_seconds": 0}
        )
        job_id = begun.structured_content["job_id"]
        assert f"Job {job_id} is" in text_of(begun)
        learned = await client.call_tool("wait_for_job", {"job_id": job_id})
        style_id = learned.structured_content["style_id"]
        listed = await client.call_tool("list_styles", {"modality": "image"})
        names = {style["id"]: style["name"] for style in listed.structured_content["styles"]}
        assert names[style_id] == "Blocks"
        assert "Woodblock waves" in names.values(), "a preset"

        link, small = made(await client.call_tool("stylize", {"photo": PHOTO, "style_id": style_id}))
        assert max(small.size) == 512
        async with httpx.AsyncClient(trust_env=False) as anybody:
            picture = await anybody.get(link.uri)
        assert (picture.headers["content-type"], len(picture.content)) == (link.mime_type, link.size)
        assert Image.open(io.BytesIO(picture.content)).size == (960, 640)

        asked = {"photo": f"data:image/png;base64,{PHOTO}", "examples": EXAMPLES, "size": 96, "format": "png"}
        link, small = made(await client.call_tool("stylize", asked))
        assert (link.mime_type, small.size) == ("image/png", (96, 64))


async def test_what_a_tool_refuses_is_told_to_the_model(served: Service) -> None:
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("stylize", {"photo": PHOTO}, "Name a style"),
        ("stylize", {"photo": "/etc/hostname", "examples": EXAMPLES}, "is no file"),
        ("stylize", {"photo": PHOTO, "style_id": "sty_none"}, "style_not_found"),
        ("stylize", {"photo": "dGV4dA==", "examples": EXAMPLES}, "image_format_unsupported"),
        ("stylize", {"photo": PHOTO, "style_id": "x", "strength": 9}, "strength: "),
        ("wait_for_job", {"job_id": "job_none"}, "job_not_found"),
        ("learn_style", {}, "nothing to learn from"),
    ]
    async with over_http(served.url) as client:
        for name, given, why in refused:
            result = await client.call_tool(name, given)
            assert (result.is_error, why in text_of(result)) == (True, True), text_of(result)


async def test_on_a_machine_files_are_named_by_their_paths(served: Service, folder: Path) -> None:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "app.cli", "mcp", "--address", served.url],
        env=dict(os.environ),
        cwd=Path(__file__).parents[2],
    )
    async with Client(stdio_client(parameters)) as client:
        paths = [str(folder / name) for name in ("a.jpg", "b.jpg")]
        asked = {"photo": str(folder / "photo.jpg"), "examples": paths}
        link, small = made(await client.call_tool("stylize", asked))
    assert link.uri.startswith(f"{served.url}/v1/images/img_")
    assert small.size == (96, 64)


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"auth": "keys"})


async def test_keys_and_scopes_hold(live: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    services: Container = live.app.state.container  # type: ignore[attr-defined]
    ada = await key_for(services.sessions, "ada")
    bob = await key_for(services.sessions, "bob")
    reader = await key_for(services.sessions, "ada", [Scope.READ])
    check_problem(await live.post("/mcp", json={}), 401, "unauthenticated")
    live.headers.update(ada)
    style_id = await ready_style(live, fake_worker)
    url = str(live.base_url)
    async with over_http(url, reader) as client:
        assert style_id in text_of(await client.call_tool("list_styles", {}))
        result = await client.call_tool("learn_style", {"examples": EXAMPLES})
        assert (result.is_error, "scope_missing" in text_of(result)) == (True, True)
    async with over_http(url, bob) as client:
        assert style_id not in text_of(await client.call_tool("list_styles", {}))
        result = await client.call_tool("stylize", {"photo": PHOTO, "style_id": style_id})
        assert (result.is_error, "style_not_found" in text_of(result)) == (True, True)


async def test_texts_are_learned_from_and_written(live: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    services: Container = live.app.state.container  # type: ignore[attr-defined]
    key: Any = await key_for(services.sessions, "ada")
    async with over_http(str(live.base_url), key) as client, fake_worker.busy():
        learned = await client.call_tool("learn_style", {"texts": POEMS})
        assert not learned.is_error, text_of(learned)
        style_id = learned.structured_content["style_id"]
        book = f"data:{WORD};base64,{base64.b64encode(docx(PROSE)).decode()}"
        of_prose = await client.call_tool("learn_style", {"examples": [book]})
        assert not of_prose.is_error, text_of(of_prose)
        written = await client.call_tool("write", {"style_id": style_id, "title": "秋夜"})
        (link,) = [item for item in written.content if isinstance(item, ResourceLink)]
        assert f"style {style_id} was used" in text_of(written)
        assert (await live.get(link.uri)).content == b"MThd", "what the fake worker writes"
        result = await client.call_tool("compose", {"style_id": style_id})
        assert (result.is_error, "style_of_other_modality" in text_of(result)) == (True, True)
