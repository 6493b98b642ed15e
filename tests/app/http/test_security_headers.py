"""What every answer carries; other origins; the methods of an address."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import httpx
import pytest
from fastapi import FastAPI

from app.api.main import create_app
from app.settings import Settings
from tests.support.problems import check_problem


def unstarted(**settings: object) -> httpx.AsyncClient:
    app: FastAPI = create_app(Settings(**settings))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost")


async def test_security_headers() -> None:
    async with unstarted() as client:
        for path, page in (("/livez", False), ("/", True), ("/nowhere", False), ("/v1/nowhere", False)):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert ("script-src 'self';" in policy) is page
            assert "strict-transport-security" not in headers
        assert (await client.get("/v1/nowhere")).headers["cache-control"] == "no-store"


async def test_a_slash_too_many_leads_to_the_address_whatever_stands_in_front() -> None:
    """A proxy ends https: neither scheme nor host are those that the client knows."""
    async with unstarted() as client:
        answer = await client.get("/v1/styles/?limit=3")
        assert (answer.status_code, answer.headers["location"]) == (307, "/v1/styles?limit=3")
        assert (await client.get("/docs/")).headers["location"] == "/docs"


async def test_https_is_insisted_on_when_configured() -> None:
    async with unstarted(hsts_seconds=3600) as client:
        assert (await client.get("/livez")).headers["strict-transport-security"] == "max-age=3600"


async def test_the_documentation_runs_its_own_script_and_no_other() -> None:
    async with unstarted() as client:
        page = await client.get("/docs")
    policy = page.headers["content-security-policy"]
    scripts = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert scripts
    for script in scripts:
        assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in policy
    assert "script-src 'self' 'sha256-" in policy
    assert "script-src 'self' 'unsafe-inline'" not in policy


async def test_pages_of_other_origins_by_configuration() -> None:
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST",
           "Access-Control-Request-Headers": "authorization,prefer"}  # fmt: skip
    async with unstarted() as closed:
        assert "access-control-allow-origin" not in (await closed.options("/v1/styles", headers=ask)).headers
    async with unstarted(cors_origins="https://a.example, https://b.example") as client:
        answer = await client.options("/v1/styles", headers=ask)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert "access-control-allow-credentials" not in answer.headers
        other = await client.get("/livez", headers={"Origin": "https://c.example"})
        assert "access-control-allow-origin" not in other.headers
        assert other.headers["vary"] == "Origin"
        assert (await client.get("/livez")).headers["vary"] == "Origin", "a cache must not keep it for pages"
        allowed = await client.get("/livez", headers={"Origin": "https://b.example"})
        assert allowed.headers["vary"] == "Origin"
        assert "RateLimit" in allowed.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("PUT", "/v1/styles", {"GET", "POST"}), ("PUT", "/v1/styles/sty_1", {"DELETE", "GET"}),
     ("DELETE", "/v1/jobs", {"GET"}), ("POST", "/livez", {"GET"})],
)  # fmt: skip
async def test_a_wrong_method_is_told_all_that_are_right(method: str, path: str, allow: set[str]) -> None:
    async with unstarted() as client:
        answer = await client.request(method, path)
    check_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) >= allow
    assert method not in answer.headers["allow"].split(", ")


async def test_head_is_get_without_the_body() -> None:
    async with unstarted() as client:
        for path in ("/livez", "/", "/openapi.json", "/nowhere"):
            whole, head = await client.get(path), await client.head(path)
            assert head.status_code == whole.status_code
            assert head.content == b""
            assert head.headers["content-type"] == whole.headers["content-type"]
            if path != "/nowhere":  # a problem names its request, by an id of its own
                assert head.headers["content-length"] == whole.headers["content-length"]
        refused = await client.put("/livez")
        assert {"GET", "HEAD"} <= set(refused.headers["allow"].split(", "))


async def test_an_event_stream_has_no_head() -> None:
    async with unstarted() as client:
        refused = await client.head("/v1/jobs/job_1/events")
        assert refused.status_code == 405
        assert refused.headers["allow"] == "GET"
