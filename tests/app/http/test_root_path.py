"""The service below a prefix of a proxy: answers have it, whether the proxy takes it away or not."""

from __future__ import annotations

import re
from functools import cache

import httpx
import pytest
from fastapi import FastAPI

from app.api.main import create_app
from app.errors import ConfigError
from app.settings import Settings, load_settings
from tests.support.pictures import png

PREFIX = "/fewstroke"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"root_path": PREFIX})


@cache
def _app() -> FastAPI:
    return create_app(load_settings(root_path=PREFIX))


async def _unstarted(path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get(path)


@pytest.mark.parametrize("asked", ["", PREFIX])
async def test_every_address_of_an_answer_has_the_prefix(live: httpx.AsyncClient, asked: str) -> None:
    files = [("examples", ("a.png", png(64, 64))), ("examples", ("b.png", png(64, 64)))]
    answer = await live.post(f"{asked}/v1/styles", files=files)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert answer.headers["location"] == job["links"]["self"] == f"{PREFIX}/v1/jobs/{job['id']}"
    assert all(link.startswith(f"{PREFIX}/v1/jobs/") for link in job["links"].values())
    for image in (await live.get(f"{asked}/v1/images")).json()["items"]:
        assert image["url"].startswith(f"{PREFIX}/v1/images/{image['id']}/content?expires=")
        # What is signed is the path without it: the link works on both sides of a proxy.
        for link in (image["url"], image["url"].removeprefix(PREFIX)):
            content = await live.get(link)
            assert content.headers["content-type"] == "image/png"
    models = (await live.get(f"{asked}/v1/models")).json()
    assert all(modality["resource"].startswith(f"{PREFIX}/v1/") for modality in models["modalities"])


@pytest.mark.parametrize("asked", ["", PREFIX])
async def test_pages_and_redirects(asked: str) -> None:
    docs = await _unstarted(f"{asked}/docs")
    named = re.findall(r"""["'](/[\w./-]+)["']""", docs.text)
    assert f"{PREFIX}/openapi.json" in named
    for address in named:
        assert address.startswith(PREFIX)
        assert (await _unstarted(address)).status_code == 200, address
    openapi = (await _unstarted(f"{asked}/openapi.json")).json()
    assert openapi["servers"] == [{"url": PREFIX}]
    redirect = await _unstarted(f"{asked}/v1/styles/?limit=3")
    assert (redirect.status_code, redirect.headers["location"]) == (307, f"{PREFIX}/v1/styles?limit=3")
    missing = await _unstarted(f"{asked}/v1/nowhere")
    assert missing.json()["instance"] == f"{PREFIX}/v1/nowhere"
    assert missing.headers["cache-control"] == "no-store"


async def test_what_models_read_has_the_prefix() -> None:
    text = (await _unstarted("/llms.txt")).text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert f"{PREFIX}/openapi.json" in links
    assert all(link.startswith(f"{PREFIX}/") for link in links)


async def test_the_page_below_the_prefix_ends_in_a_slash() -> None:
    """The studio's addresses are relative to its own."""
    redirect = await _unstarted(PREFIX)
    assert (redirect.status_code, redirect.headers["location"]) == (307, f"{PREFIX}/")
    assert (await _unstarted(f"{PREFIX}/")).headers["content-type"].startswith("text/html")
    assert (await _unstarted(f"{PREFIX}x/livez")).status_code == 404


@pytest.mark.parametrize(
    ("given", "taken"), [("fewstroke/", PREFIX), ("/", ""), ("", ""), ("/a/b.c", "/a/b.c")]
)
def test_a_prefix_is_written_in_one_way(given: str, taken: str) -> None:
    assert load_settings(root_path=given).root_path == taken


@pytest.mark.parametrize("given", ["https://a.example/x", "/a b", "/a//b", "/..", "/a/../b", "/a?b", "/é"])
def test_what_is_no_prefix(given: str) -> None:
    with pytest.raises(ConfigError, match="root_path: a prefix is a path"):
        load_settings(root_path=given)


def test_trusted_proxies() -> None:
    assert load_settings(trusted_proxies="10.0.0.7, fd00::/8").trusted_proxies == ("10.0.0.7/32", "fd00::/8")
    assert load_settings(trusted_proxies="*").trusted_proxies == ("*",)
    with pytest.raises(ConfigError, match="trusted_proxies"):
        load_settings(trusted_proxies="proxy.example")
