"""Bad days: a bucket that refuses, a database that is damaged."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.api.main import create_app
from app.api.services import Container
from app.doctor.report import Trouble
from app.doctor.service_checks import check_database
from app.infra.broker import EmbeddedServer
from app.settings import Settings
from tests.app.conftest import POSTGRES, joined
from tests.support.pictures import files, png
from tests.support.problems import check_problem
from tests.support.waiting import eventually

CANARY = "secret-internal-host-name"


@asynccontextmanager
async def bucket(status: str) -> AsyncIterator[str]:
    """An S3 service that answers everything the same."""
    body = f"<Error><Code>AccessDenied</Code><Message>{CANARY}</Message></Error>".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("status", ["403 Forbidden", "503 Slow Down"])
async def test_a_bucket_that_refuses_is_an_outage(
    status: str, settings: Settings, nats: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.infra.blobs._S3_PATIENCE", timedelta(seconds=0.3))
    async with bucket(status) as endpoint:
        app = create_app(
            joined(
                settings.model_copy(
                    update={
                        "blobs_url": "s3://b/p",
                        "s3_endpoint": endpoint,
                        "s3_access_key_id": "a",
                        "s3_secret_access_key": SecretStr("b"),
                    }
                ),
                nats,
            )
        )
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as client,
        ):
            answer = await client.post("/v1/styles", files=files(examples=png()))
            check_problem(answer, 503, "service_unavailable")
            assert answer.headers["retry-after"]
            assert CANARY not in answer.text
            ready = await client.get("/readyz")
            assert ready.json()["missing"]["blobs"] in ("away", "slow")


def tear(database: Path) -> None:
    """Overwrite every page but the first few, as a dying disk does."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = database.stat().st_size
    with database.open("r+b") as file:
        for page in range(2, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)


@pytest.mark.skipif(bool(POSTGRES), reason="SQLite's")
async def test_a_damaged_database_is_not_ready(
    client: httpx.AsyncClient, services: Container, settings: Settings
) -> None:
    assert "database" not in (await client.get("/readyz")).json()["missing"]
    await services.engine.dispose()
    tear(settings.data_dir / "fewstroke.db")

    async def told() -> bool:
        answer = await client.get("/v1/jobs")
        if answer.status_code == 503:
            check_problem(answer, 503, "service_unavailable")
            return True
        return False

    await eventually(told)
    ready = (await client.get("/readyz")).json()
    assert ready["missing"]["database"] == "damaged"
    with pytest.raises(Trouble, match="damaged") as found:
        await check_database(settings)
    assert "backup" in found.value.mend


@pytest.mark.skipif(bool(POSTGRES), reason="SQLite's")
async def test_damage_is_looked_for_when_the_service_starts(settings: Settings, nats: EmbeddedServer) -> None:
    database = settings.data_dir / "fewstroke.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE far (a)")
        connection.executemany("INSERT INTO far VALUES (?)", [("x" * 500,) for _ in range(500)])
    connection.close()
    size = database.stat().st_size
    with database.open("r+b") as file:  # pages that no query of the service reads
        file.seek(size - 20 * 4096)
        file.write(b"\xa5" * 4096 * 10)
    app = create_app(joined(settings, nats))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as client,
    ):

        async def noticed() -> bool:
            missing = (await client.get("/readyz")).json()["missing"]
            return bool(missing.get("database") == "damaged")

        await eventually(noticed)
