"""A service that knows text, and real workers for it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.api.main import create_app
from app.api.media import MEDIA
from app.infra.broker import EmbeddedServer
from app.settings import Settings
from model.formats import default_checkpoint
from tests.app.conftest import joined
from tests.app.modalities.text import CHECKPOINT, TEXT, write_checkpoint
from tests.model.music.conftest import write_music_checkpoint
from tests.model.text.conftest import write_poems_checkpoint
from tests.support.server import serve
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def tests_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the processes of the service: the text modality lies among the tests."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


@pytest.fixture
async def settings(settings: Settings) -> Settings:
    """With the packaged checkpoint, which the scripted engine says that it runs, one of text, and one of
    music that knows nothing yet."""
    write_checkpoint(settings.data_dir / CHECKPOINT)
    music = settings.data_dir / "tiny.safetensors"
    write_music_checkpoint(music)
    poems = write_poems_checkpoint(settings.data_dir / "tiny-poems")
    return settings.model_copy(
        update={"checkpoint": default_checkpoint(), "music_checkpoint": music, "poems_checkpoint": poems}
    )


@pytest.fixture
async def app(settings: Settings, nats: EmbeddedServer) -> AsyncIterator[FastAPI]:
    application = create_app(joined(settings, nats), {"text": TEXT, **MEDIA})
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
async def live(settings: Settings, nats: EmbeddedServer) -> AsyncIterator[httpx.AsyncClient]:
    application = create_app(joined(settings, nats), {"text": TEXT, **MEDIA})
    async with serve(application) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


StartWorker = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def start_worker(
    settings: Settings, nats: EmbeddedServer, live: httpx.AsyncClient
) -> AsyncIterator[StartWorker]:
    """Start worker processes, which end with the test."""
    processes: list[asyncio.subprocess.Process] = []

    async def start(**environment: str) -> asyncio.subprocess.Process:
        log = settings.data_dir / f"worker-{len(processes)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.app.modalities.run_worker",
                env={**os.environ, **_environment(settings, nats), **environment},
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        processes.append(process)
        at_work = len(processes)

        async def ready() -> bool:
            assert process.returncode is None, log.read_text()
            return bool((await live.get("/readyz")).json()["workers"] >= min(at_work, 1))

        await eventually(ready, within=60)
        return process

    yield start
    for process in processes:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


def _environment(settings: Settings, nats: EmbeddedServer) -> dict[str, str]:
    found = {
        "FEWSTROKE_DATA_DIR": str(settings.data_dir),
        "FEWSTROKE_MUSIC_CHECKPOINT": str(settings.music_checkpoint),
        "FEWSTROKE_POEMS_CHECKPOINT": str(settings.poems_checkpoint),
        "FEWSTROKE_SCRIPTED_STEP": "0",
        "FEWSTROKE_NATS_URL": nats.url,
        "FEWSTROKE_NATS_TOKEN": nats.token or "",
    }
    if settings.database_url:
        found["FEWSTROKE_DATABASE_URL"] = settings.database_url
    return found
