"""The service below a prefix of a real nginx, with the configuration that is shipped."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
import pytest_asyncio

from app.auth.principal import Scope
from app.auth.repository import create_key
from app.infra.db import create_engine, create_sessions
from app.settings import Settings
from fewstroke_client import AsyncClient, StateEvent
from tests.clients.conftest import DUOTONE
from tests.studio.engine import HOLD
from tests.support.nginx import NGINX, nginx_before
from tests.support.served import Service, running_service

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "clients" / "typescript" / "dist" / "index.js"
PHOTO = ROOT / "app" / "studio" / "pictures" / "photos" / "coffee.jpg"
WITHIN = 120  # s

pytestmark = [
    pytest.mark.process,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    environment = {
        "FEWSTROKE_ROOT_PATH": "/fewstroke",
        "FEWSTROKE_AUTH": "keys",
        "FEWSTROKE_TRUSTED_PROXIES": "127.0.0.0/8",
        "FEWSTROKE_WEBHOOK_ALLOW_HTTP": "true",
        "FEWSTROKE_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "FEWSTROKE_LOG_FORMAT": "json",
    }
    folder = tmp_path_factory.mktemp("nginx")
    async with running_service(folder / "data", DUOTONE, environment=environment) as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(service: Service) -> AsyncIterator[str]:
    """The prefix, as the world sees it."""
    async with nginx_before(service.url, service.data_dir.parent / "nginx") as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def key(service: Service) -> str:
    engine = create_engine(Settings(data_dir=service.data_dir, database_url=None).database)
    _, text = await create_key(
        create_sessions(engine), owner="alice", name="test", scopes=[Scope.READ, Scope.WRITE]
    )
    await engine.dispose()
    return text


async def test_events_come_as_they_happen(service: Service, url: str, key: str) -> None:
    """The worker is held: an event that is there now was not kept back until the stream ended."""
    hold = service.data_dir / HOLD
    hold.touch()
    async with AsyncClient(url, key) as client, asyncio.timeout(WITHIN):
        accepted = await client.create_style([PHOTO], name="slow")
        states = []
        async for event in client.events(accepted.job):
            if isinstance(event, StateEvent):
                states.append(event.state)
                if event.state == "running":
                    hold.unlink()
        assert states[-2:] == ["running", "succeeded"]


async def test_twenty_megabytes_arrive_and_links_lead_through(url: str, key: str, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    photo = PHOTO.read_bytes()  # what stands behind the end of a JPEG is no part of the picture
    large.write_bytes(photo + bytes(20 * 1024 * 1024 - len(photo)))
    async with AsyncClient(url, key) as client, asyncio.timeout(WITHIN):
        made = await client.stylize_photo(large, examples=[PHOTO], output=tmp_path / "out.png", steps=1)
        info = await client.get_image(made.image_id)
        share = await client.share_image(made.image_id)
        archive = await client.create_stylization([PHOTO], await client.learn_style([PHOTO], steps=1))
        await client.wait(archive.job)
        await client.download_zip(archive.stylization, tmp_path / "all.zip")
    assert info.url.startswith("/fewstroke/v1/images/")
    assert share.startswith("/fewstroke/#/shared/")
    async with httpx.AsyncClient(trust_env=False, timeout=WITHIN) as stranger:
        content = await stranger.get(urljoin(url, info.url))
        assert content.content == (tmp_path / "out.png").read_bytes()
        token = share.rpartition("/")[2]
        shared = (await stranger.get(f"{url}/v1/shared/{token}")).json()
        assert (await stranger.get(urljoin(url, shared["image_url"]))).status_code == 200
        assert (await stranger.get(urljoin(url, shared["original_url"]))).status_code == 200
        assert (await stranger.get(f"{url}/v1/styles")).status_code == 401


async def test_pages_and_redirects(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=WITHIN) as client:
        page = await client.get(url)
        assert [step.status_code for step in page.history] == [308]
        assert str(page.url) == f"{url}/"
        assert "<title>" in page.text
        docs = await client.get(f"{url}/docs/")
        assert str(docs.url) == f"{url}/docs"
        for address in ("/openapi.json", "/docs/assets/swagger-ui.css"):
            assert f"/fewstroke{address}" in docs.text
            assert (await client.get(f"{url}{address}")).status_code == 200


async def test_who_asks_is_whom_the_trusted_proxy_names(service: Service, url: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": "203.0.113.9"}
    async with httpx.AsyncClient(trust_env=False, timeout=WITHIN) as client:
        await client.get(f"{url}/v1/jobs/job_01JDXYZ0000000000000000000", headers=headers)
    lines = [json.loads(line) for line in service.text.splitlines() if "/v1/jobs/job_01JDXYZ" in line]
    assert lines[-1]["client"] == "203.0.113.9", "nginx saw a trusted proxy before it: this machine"
    assert lines[-1]["path"] == "/v1/jobs/job_01JDXYZ0000000000000000000"


async def test_messages_of_webhooks_lead_through(url: str, key: str) -> None:
    """The worker writes them."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(trust_env=False, timeout=WITHIN, headers=headers) as http:
        made = await http.post(
            f"{url}/v1/webhooks", json={"url": "http://127.0.0.1:9/", "events": ["job.succeeded"]}
        )
        assert made.status_code == 201, made.text
        assert made.headers["location"] == f"/fewstroke/v1/webhooks/{made.json()['id']}"
        async with AsyncClient(url, key) as client:
            await client.learn_style([PHOTO], steps=1, timeout=WITHIN)
        hook = urljoin(url, made.headers["location"])
        (delivery,) = (await http.get(f"{hook}/deliveries")).json()["items"]
        await http.delete(hook)
    links = json.loads(delivery["body"])["data"]["links"]
    assert all(link.startswith("/fewstroke/v1/jobs/") for link in links.values())


@pytest.mark.skipif(not BUILT.exists() or not shutil.which("node"), reason="it is not built")
async def test_the_typescript_client(url: str, key: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "node", str(Path(__file__).with_name("nginx_client.mjs")), url, key, str(PHOTO),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "NO_PROXY": "*"},
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), WITHIN)
    assert process.returncode == 0
    seen = json.loads(output)
    assert seen["type"] == "image/png"
    assert seen["kinds"].count("progress") >= 2
    assert seen["link"].startswith(f"{url}/v1/images/")
    assert seen["status"] == 200
