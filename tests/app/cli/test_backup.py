"""Backups: made while the service runs, put back, and what became of what was made since."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete
from typer.testing import CliRunner

from app.api.services import Container
from app.cli import cli
from app.infra.blobs import Blobs
from app.infra.db import create_engine, create_sessions
from app.infra.leader_lock import LeaseRow
from app.retention.sweeper import Sweeper
from app.settings import Settings
from tests.app.conftest import POSTGRES
from tests.support.fake_worker import FakeWorker, ready_style

pytestmark = pytest.mark.skipif(bool(POSTGRES), reason="of SQLite")


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


async def sweep(settings: Settings) -> dict[str, int]:
    """As a service does that is started long after."""
    engine = create_engine(settings.database)
    sessions = create_sessions(engine)
    try:
        async with sessions.begin() as session:
            await session.execute(delete(LeaseRow))
        swept = await Sweeper(sessions, Blobs.open(settings), settings).sweep()
    finally:
        await engine.dispose()
    assert swept is not None
    return swept


def age(folder: Path) -> None:
    """Two days pass for what is stored there."""
    before = time.time() - 2 * 86400
    for path in folder.rglob("*"):
        os.utime(path, (before, before))


async def test_a_backup_is_put_back_and_nothing_newer_is_swept(
    client: httpx.AsyncClient,
    services: Container,
    fake_worker: FakeWorker,
    settings: Settings,
    tmp_path: Path,
) -> None:
    data = ("--data-dir", str(settings.data_dir))
    style = await ready_style(client, fake_worker)
    folder = tmp_path / "backup"
    await asyncio.to_thread(run, "backup", str(folder), *data)
    assert "exists" in await asyncio.to_thread(lambda: run("backup", str(folder), *data, code=3))
    assert not (folder / "secret.key").exists()
    kept = {path.name for path in (folder / "blobs").rglob("*") if path.is_file()}
    assert len(kept) == 2  # the example, and the style
    newer = await ready_style(client, fake_worker)
    assert (await client.delete(f"/v1/styles/{style}")).status_code == 204
    blobs = set(await services.blobs.keys())
    await services.engine.dispose()
    await asyncio.to_thread(run, "restore", str(folder), *data)
    assert (await client.get(f"/v1/styles/{style}/file")).status_code == 200, "deleted since, and back"
    assert (await client.get(f"/v1/styles/{newer}")).status_code == 404
    assert blobs <= set(await services.blobs.keys())
    assert settings.blobs_folder is not None
    await asyncio.to_thread(age, settings.blobs_folder)
    swept = await sweep(settings)
    assert "orphaned blobs" not in swept
    assert blobs <= set(await services.blobs.keys()), "before an operator says so"
    await asyncio.to_thread(run, "restore", "--release", *data)
    assert (await sweep(settings))["orphaned blobs"] == 2
    assert (await client.get(f"/v1/styles/{style}/file")).status_code == 200


def test_what_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    data = ("--data-dir", str(tmp_path / "data"))
    assert "no database" in run("backup", str(tmp_path / "new"), *data, code=78)
    assert "no backup" in run("restore", str(tmp_path / "empty"), *data, code=78)
    assert "--release" in run("restore", *data, code=3)
