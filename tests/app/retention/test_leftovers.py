"""What does not go by itself: keys, rates, turns, half-written files, folders of killed processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy import func, select, update

from app.api.services import Container
from app.auth.rate_limit import RateLimiter
from app.auth.tables import RateRow
from app.idempotency.keys import IdempotencyKeys
from app.idempotency.tables import IdempotencyKeyRow
from app.ids import new_id
from app.imaging.temp_dirs import UPLOADS
from app.infra.blobs import Blobs
from app.infra.broker import Broker, BrokerUnavailableError
from app.infra.db import Base, Sessions, utcnow
from app.jobs.fair_queue import TurnRow
from app.retention.sweeper import Sweeper
from app.settings import Settings
from app.worker.main import Loaded, serve
from tests.support.fake_engine import FakeEngine
from tests.support.fake_worker import FakeWorker
from tests.support.pictures import files, png

pytestmark = pytest.mark.process


async def sweep(services: Container) -> dict[str, int]:
    swept = await services.sweeper.sweep()
    assert swept is not None
    return swept


async def count(sessions: Sessions, table: type[Base]) -> int:
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_idempotency_keys_go_after_a_day(client: httpx.AsyncClient, services: Container) -> None:
    for key in ("old", "young"):
        await client.post("/v1/styles", files=files(examples=png()), headers={"Idempotency-Key": key})
    async with services.sessions.begin() as session:
        day_ago = utcnow() - timedelta(hours=24, seconds=1)
        which = IdempotencyKeyRow.key == "old"
        await session.execute(update(IdempotencyKeyRow).where(which).values(created_at=day_ago))
    assert (await sweep(services))["idempotency keys"] == 1
    async with services.sessions() as session:
        assert list(await session.scalars(select(IdempotencyKeyRow.key))) == ["young"]


async def test_a_claim_of_a_process_that_died_goes(services: Container) -> None:
    keys = IdempotencyKeys(services.sessions)
    for key in ("dead", "just dead"):
        await keys._take("ann", key, "f")  # and nothing more: the process was killed
    async with services.sessions.begin() as session:
        which = IdempotencyKeyRow.key == "dead"
        past = utcnow() - timedelta(hours=2)
        await session.execute(update(IdempotencyKeyRow).where(which).values(claimed_until=past))
    assert (await sweep(services))["idempotency keys"] == 1
    assert await count(services.sessions, IdempotencyKeyRow) == 1


async def test_rates_of_keys_that_rest_go_and_are_full_again(services: Container) -> None:
    now = [time.time() - 200]
    rates = RateLimiter(services.sessions, now=lambda: now[0])
    await rates.spend("key_resting", 60)
    now[0] += 200
    await rates.spend("key_busy", 60)
    assert (await sweep(services))["rates"] == 1
    async with services.sessions() as session:
        assert list(await session.scalars(select(RateRow.key_id))) == ["key_busy"]
    assert (await RateLimiter(services.sessions).spend("key_resting", 60)).remaining >= 56


async def test_turns_end_with_the_last_job(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker
) -> None:
    await client.post("/v1/styles", files=files(examples=png()))
    delivery = await services.broker.next_job(("adapt",), timeout=10)
    assert delivery is not None
    draw = await services.ledger.draw(delivery.job_id, "w")
    assert draw.job is not None
    async with services.sessions.begin() as session:
        session.add(TurnRow(owner="long ago", paid_until=-1.0))
    assert (await sweep(services))["turns"] == 1, "the one whose turn is past; the running one owes for it"
    await fake_worker.finish(draw.job, delivery)
    assert (await sweep(services))["turns"] == 1
    async with services.sessions() as session:
        assert list(await session.scalars(select(TurnRow.owner))) == [""], "the clock"


_KILLED_WHILE_WRITING = """
import os, signal, sys, threading, time
import obstore
from pathlib import Path
from obstore.store import LocalStore

def watch():
    while not list(Path(sys.argv[1]).rglob("*#*")):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=watch, daemon=True).start()
while True:
    obstore.put(LocalStore(prefix=Path(sys.argv[1])), sys.argv[2], bytes(200 << 20))
"""


async def test_half_written_files_of_a_killed_process_go(tmp_path: Path, services: Container) -> None:
    kept = Settings(data_dir=tmp_path, blobs_url=None).model_copy(update={"orphan_grace": 3600.0})
    blobs = Blobs.open(kept)
    folder = Path(kept.blobs)
    key = f"uploads/{new_id('job')}/content-0.png"
    command = [sys.executable, "-c", _KILLED_WHILE_WRITING, str(folder), key]
    done = subprocess.run(command, check=False)  # noqa: ASYNC221 - nothing else is to happen meanwhile
    assert done.returncode == -signal.SIGKILL
    (left,) = await asyncio.to_thread(lambda: list(folder.rglob("*#*")))
    assert left.name not in [Path(key).name for key in await blobs.keys()], "no listing shows it"
    sweeper = Sweeper(services.sessions, blobs, kept)
    swept = await sweeper.sweep()
    assert swept is not None
    assert swept["unfinished blobs"] == 0, "it may be in the making"
    os.utime(left, (time.time() - 7200,) * 2)
    swept = await sweeper.sweep()
    assert swept is not None
    assert swept["unfinished blobs"] == 1
    assert not left.exists()


async def test_folders_of_killed_uploads_go(
    services: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, young, other = (tmp_path / name for name in (f"{UPLOADS}a", f"{UPLOADS}b", "fewstroke-data"))
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "in").write_bytes(b"a picture")
    link = tmp_path / f"{UPLOADS}link"
    link.symlink_to(other)
    for path in (old, other):
        os.utime(path, (time.time() - 48 * 3600,) * 2)
    assert await services.sweeper.tidy() == 1
    assert not old.exists()
    assert young.exists()
    assert (other / "in").exists()


async def test_a_worker_that_starts_takes_folders_of_killed_workers_away(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, young = (tmp_path / f"{UPLOADS}{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir()
        (folder / "clip.webp").write_bytes(b"a clip")
    os.utime(old, (time.time() - 48 * 3600,) * 2)
    away = settings.model_copy(update={"nats_url": "nats://127.0.0.1:1"})
    connect = partial(Broker.connect, within=0.1)
    monkeypatch.setattr("app.worker.main.Broker", SimpleNamespace(connect=connect))
    engine = FakeEngine()
    with pytest.raises(BrokerUnavailableError):
        await serve(away, Loaded(engine, engine.read_style, None, "cpu"))
    assert not old.exists()
    assert young.exists()
