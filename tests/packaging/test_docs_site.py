"""The documentation as a site: built strictly, and with nothing from other hosts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import ErrorCode

pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return folder


def test_nothing_is_loaded_from_other_hosts(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    loads = re.compile(r"<(?:script|img|iframe|link(?=[^>]*stylesheet))[^>]*(?:src|href)=\"?(https?:)?//")
    assert [page.name for page in pages if loads.search(page.read_text())] == []
    assert 'class="mermaid"' not in (site / "architecture.html").read_text(), "its renderer is elsewhere"


def test_every_call_is_in_the_reference(site: Path) -> None:
    page = (site / "api.html").read_text()
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    for path, operations in paths.items():
        for method, call in operations.items():
            assert f"{method.upper()} {path}" in page or "tags" not in call, (method, path)


def test_files_outside_of_the_docs_come_along(site: Path) -> None:
    proxy = (site / "proxy.html").read_text()
    assert 'href="repository/deploy/nginx/fewstroke.conf"' in proxy
    shipped = (ROOT / "deploy" / "nginx" / "fewstroke.conf").read_bytes()
    assert (site / "repository" / "deploy" / "nginx" / "fewstroke.conf").read_bytes() == shipped
    home = (site / "index.html").read_text()
    assert 'src="images/wall.webp"' in home, "the README has the links of the site"
    assert (site / "images" / "wall.webp").exists()


def test_the_chinese_page_names_codes_that_there_are() -> None:
    named = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "zh" / "errors.md").read_text(), re.MULTILINE)
    assert len(named) > 25
    assert set(named) <= set(ErrorCode)
