"""The HTTP process stays small: no torch, no Pillow, under 150 MB while it works; and answers by itself."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from PIL import Image

from app.api.main import create_app
from app.infra.broker import Broker, EmbeddedServer
from app.infra.db import create_engine, create_sessions
from app.job_hooks import JOB_HOOKS
from app.jobs.ledger import Ledger
from app.settings import Settings
from tests.support.fake_worker import DEADLINE
from tests.support.pictures import files

pytestmark = pytest.mark.process

LIMIT_MB = 150

_SERVER = """
import sys, uvicorn
from app.api.main import create_app
app = create_app()
config = uvicorn.Config(app, port=0, log_config=None)
server = uvicorn.Server(config)

@app.get("/modules")
def modules() -> list[str]:
    return sorted(sys.modules)

class Announcing(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)

Announcing(config).run()
"""


def test_the_application_imports_no_torch() -> None:
    code = "import app.api.main, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert "app.api.main" in loaded
    assert not {"torch", "torchvision", "PIL", "numpy", "alembic", "c2pa"} & set(loaded)


def calls(dependant: Dependant) -> Iterator[object]:
    """A route's function and those of all its dependencies."""
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from calls(dependency)


def test_no_request_waits_for_a_thread_to_call_a_function(settings: Settings) -> None:
    """FastAPI runs what is not ``async`` in a thread: two changes of context on a machine that is busy."""
    waiting, routes = set(), 0
    for context in iter_route_contexts(create_app(settings).routes):
        dependant = getattr(context.original_route, "dependant", None)
        if dependant is None:  # static files
            continue
        routes += 1
        for call in calls(dependant):
            function = call if inspect.isroutine(call) else getattr(call, "__call__", call)  # noqa: B004
            if not (inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)):
                waiting.add((context.path, function))
    assert routes > 30
    assert waiting == set()


def photo() -> bytes:
    """A 12 megapixel JPEG, as phones take them."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).resize((4000, 3000)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


async def test_it_stays_small_while_jobs_run(
    settings: Settings, nats: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings.checkpoint is not None
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _SERVER,
        stdout=asyncio.subprocess.PIPE,
        env={
            "PATH": "",
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "FEWSTROKE_DATA_DIR": str(settings.data_dir),
            "FEWSTROKE_DATABASE_URL": settings.database.render_as_string(hide_password=False),
            "FEWSTROKE_CHECKPOINT": str(settings.checkpoint),
            "FEWSTROKE_NATS_URL": nats.url,
            "FEWSTROKE_NATS_TOKEN": nats.token or "",
        },
    )
    broker = await Broker.connect(nats.url, token=nats.token)
    engine = create_engine(settings.database)
    ledger = Ledger(create_sessions(engine), JOB_HOOKS)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            port = int(await process.stdout.readline())
        me = psutil.Process(process.pid)
        peak = 0.0
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            data = photo()
            form = files(examples=[data] * 3, content=data)
            asked = [
                asyncio.create_task(client.post("/v1/stylize", files=form, headers={"Prefer": "wait=60"}))
                for _ in range(3)
            ]
            finished = 0
            while finished < 3:  # a job a time: begun, some events, failed
                delivery = await broker.next_job(["stylize_once"], timeout=DEADLINE)
                assert delivery is not None
                job = await ledger.begin(delivery.job_id, "fake worker")
                assert job is not None
                for step in range(20):
                    await broker.publish_event(job.id, "progress", {"step": step, "steps": 20})
                    peak = max(peak, me.memory_info().rss / 1e6)
                await ledger.fail(job.id, job.attempt, code="job_failed", detail="Enough: try again.")
                await broker.publish_event(job.id, "state", {"state": "failed"})
                await delivery.ack()
                finished += 1
            assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200] * 3
            peak = max(peak, me.memory_info().rss / 1e6)
            loaded = set((await client.get("/modules")).json())
        assert not {"torch", "torchvision", "PIL", "c2pa"} & loaded
        with capsys.disabled():
            print(f"\nHTTP process: {peak:.0f} MB resident at most while 3 jobs of 4 x 12 megapixels ran")
        assert peak < LIMIT_MB
    finally:
        process.terminate()
        await process.wait()
        await engine.dispose()
        await broker.close()
