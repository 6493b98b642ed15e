"""The fixtures of the service's tests, and one whole service for the tests that leave it running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from app.api.services import Container
from fewstroke_client import _sleep
from tests.app.conftest import (  # noqa: F401 - fixtures
    live,
    nats,
    nats_server,
    postgres_template,
    settings,
    sqlite_template,
)
from tests.support.fake_worker import FakeWorker
from tests.support.served import Service, running_service

DUOTONE = ("-m", "tests.studio.serve")


@pytest.fixture
def fake_worker(live) -> FakeWorker:  # noqa: F811
    """Does the work of a worker, step by step as the test says, for the service that ``live`` calls."""
    services = live.app.state.container
    assert isinstance(services, Container)
    return FakeWorker(services)


@pytest.fixture
def url(live) -> str:  # noqa: F811
    """Where ``live`` is."""
    return str(live.base_url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """``fewstroke serve`` with the duotone engine in its worker."""
    async with running_service(tmp_path_factory.mktemp("served"), DUOTONE) as service:
        yield service


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: examples ``a.jpg`` and ``b.jpg``, photos, and a mask."""
    monkeypatch.chdir(tmp_path)
    for name, colours in {"a": ("navy", "gold"), "b": ("navy", "khaki"), "photo": ("gray", "white")}.items():
        image = Image.new("RGB", (96, 64), colours[0])
        image.paste(colours[1], (20, 10, 70, 50))
        image.save(tmp_path / f"{name}.jpg")
    (tmp_path / "harbour.jpg").write_bytes((tmp_path / "photo.jpg").read_bytes())
    mask = Image.new("L", (96, 64))
    mask.paste(255, (0, 0, 48, 64))
    mask.save(tmp_path / "sky.png")
    return tmp_path


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that clients would have slept; none of them passes, but on the clients' clock."""
    slept: list[float] = []

    async def asleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(_sleep, "async_sleep", asleep)
    monkeypatch.setattr(_sleep, "sync_sleep", slept.append)
    monkeypatch.setattr(_sleep, "now", lambda: sum(slept))
    return slept
