"""What is served at ``/``: the shipped build, under a policy that allows nothing inline and nobody else."""

from __future__ import annotations

import gzip
import json
import re
from hashlib import sha256
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image, ImageOps

from app.http import exception_handlers
from app.presets.catalogue import presets
from app.studio.routes import PICTURES, STATIC, router

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
JS_BUDGET = 150_000  # bytes, compressed


@pytest.fixture
def client() -> httpx.AsyncClient:
    """The studio's routes alone."""
    app = FastAPI()
    exception_handlers.install(app)
    app.include_router(router)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost")


def assets() -> list[str]:
    return re.findall(r'(?:src|href)="\./(assets/[\w.-]+)"', (STATIC / "index.html").read_text())


def test_the_shipped_build_was_made_from_these_sources():
    names = [path.relative_to(WEB).as_posix() for path in (WEB / "src").rglob("*") if path.is_file()]
    digest = sha256()
    for name in sorted([*names, "index.html", "package-lock.json", "vite.config.ts"]):
        digest.update(f"{name}\n".encode() + (WEB / name).read_bytes())
    shipped = (STATIC / "source.sha256").read_text().strip()
    assert shipped == digest.hexdigest(), "run `make studio` and commit app/studio/static"


def test_scripts_are_small():
    scripts = list((STATIC / "assets").glob("*.js"))
    assert scripts
    assert sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in scripts) < JS_BUDGET


def test_the_page_names_only_files_that_are_shipped():
    assert len(assets()) >= 3
    assert all((STATIC / name).is_file() for name in assets())


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere():
    page = (STATIC / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", page) == []
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []


def test_no_registry_is_named():
    lock = (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "registry" not in lock


async def test_the_page_is_looked_up_each_time_under_a_strict_policy(client: httpx.AsyncClient):
    page = await client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    policy = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in page.headers["content-security-policy"]
    again = await client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


async def test_assets_are_kept_for_ever_and_compressed(client: httpx.AsyncClient):
    for name in assets():
        answer = await client.get(f"/{name}", headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.content == (STATIC / name).read_bytes()
        plain = await client.get(f"/{name}", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content


async def test_pictures_are_served_as_they_are(client: httpx.AsyncClient):
    listed = json.loads((STATIC / "pictures.json").read_text())
    for name, path in listed.items():
        answer = await client.get(f"/assets/{name}")
        assert answer.headers["content-type"] == ("image/jpeg" if name.endswith("jpg") else "image/webp")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.content == (PICTURES / path).read_bytes()
    script = "".join(path.read_text() for path in (STATIC / "assets").glob("*.js"))
    named = set(re.findall(r"[\w-]+-[\w-]{8}\.(?:jpg|webp)", script))
    assert named == set(listed), "run `make studio` and commit app/studio/static"


@pytest.mark.parametrize("slug", [preset.slug for preset in presets().values()])
def test_small_pictures_are_those_of_the_thumbnails(slug: str):
    thumbnail = Image.open(PICTURES / f"presets/{slug}.webp").convert("RGB")
    small = Image.open(PICTURES / f"presets/{slug}-small.webp").convert("RGB")
    middle = ImageOps.fit(thumbnail, small.size, Image.Resampling.LANCZOS)
    apart = np.abs(np.asarray(small, np.float32) - np.asarray(middle, np.float32)).mean()
    assert apart < 10, f"{apart:.1f} levels apart: draw both with python -m scripts.presets"


@pytest.mark.parametrize("name", ["nothing.js", "..%2findex.html", "..%2f..%2froutes.py"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, name: str):
    assert (await client.get(f"/assets/{name}")).status_code == 404
