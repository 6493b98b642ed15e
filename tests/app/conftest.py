"""Fixtures of the service's tests: real database, real blobs, real broker; only the GPU work is missing."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from nats import connect
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from pydantic import SecretStr
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.api.main import create_app
from app.api.services import Container
from app.ids import new_id
from app.infra.blobs import Blobs
from app.infra.broker import EmbeddedServer
from app.infra.db import Sessions, create_engine, create_sessions
from app.job_hooks import JOB_HOOKS
from app.jobs.ledger import Ledger
from app.migrations.migrate import migrate
from app.settings import Settings
from tests.support.fake_worker import FakeWorker
from tests.support.server import serve

POSTGRES = os.environ.get("FEWSTROKE_TEST_POSTGRES_URL")
S3 = os.environ.get("FEWSTROKE_TEST_S3_ENDPOINT")


@pytest.fixture(autouse=True)
def _looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readiness is what it is, not what it was a second ago."""
    monkeypatch.setattr("app.api.readiness._FRESH", 0.0)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, made once and copied for each test."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _run(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The name of a migrated PostgreSQL database."""
    if not POSTGRES:
        pytest.skip("FEWSTROKE_TEST_POSTGRES_URL is not set")
    name = new_id("job").lower()
    _run(_on_postgres(f'CREATE DATABASE "{name}"'))
    _run(_migrate(_postgres_url(name)))
    yield name
    _run(_on_postgres(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A migrated database of each kind; PostgreSQL when FEWSTROKE_TEST_POSTGRES_URL names a server."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "test.db")
        yield f"sqlite:///{tmp_path}/test.db"
        return
    template, name = request.getfixturevalue("postgres_template"), new_id("job").lower()
    await _on_postgres(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield _postgres_url(name)
    await _on_postgres(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgres"])
async def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database of each kind without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new/empty.db"
        return
    if not POSTGRES:
        pytest.skip("FEWSTROKE_TEST_POSTGRES_URL is not set")
    name = new_id("job").lower()
    await _on_postgres(f'CREATE DATABASE "{name}"')
    yield _postgres_url(name)
    await _on_postgres(f'DROP DATABASE "{name}" WITH (FORCE)')


def _postgres_url(name: str) -> str:
    assert POSTGRES
    return make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)


async def _on_postgres(statement: str) -> None:
    assert POSTGRES
    url = make_url(POSTGRES).set(drivername="postgresql+asyncpg")
    server = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(text(statement))
    await server.dispose()


def _run(work: Coroutine[Any, Any, None]) -> None:
    # In a thread: an async fixture may be the one that asks for these, and its loop is running.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


async def _migrate(url: str) -> None:
    engine = create_engine(Settings(database_url=url).database)
    await migrate(engine)
    await engine.dispose()


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(Settings(database_url=database_url).database)
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> Sessions:
    return create_sessions(engine)


@pytest.fixture
def ledger(sessions: Sessions) -> Ledger:
    return Ledger(sessions, JOB_HOOKS, max_attempts=3)


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Blobs]:
    """An empty blob store of each kind; S3 when FEWSTROKE_TEST_S3_ENDPOINT has a bucket `fewstroke`."""
    if request.param == "folder":
        yield Blobs.open(Settings(data_dir=tmp_path))
        return
    if not S3:
        pytest.skip("FEWSTROKE_TEST_S3_ENDPOINT is not set")
    yield Blobs.open(
        Settings(
            data_dir=tmp_path,
            blobs_url=f"s3://fewstroke/{new_id('job')}",
            s3_endpoint=S3,
            s3_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
            s3_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
        )
    )


@pytest.fixture
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Settings]:
    """Everything in a temporary folder (the database in PostgreSQL when there is one).

    The checkpoint is a file whose hash is all that the API looks at.
    """
    (tmp_path / "data").mkdir()
    checkpoint = tmp_path / "base.safetensors"
    checkpoint.write_bytes(b"a base checkpoint")
    settings = Settings(data_dir=tmp_path / "data", checkpoint=checkpoint)
    if not POSTGRES:
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "data" / "fewstroke.db")
        yield settings
        return
    name = new_id("job").lower()
    await _on_postgres(f'CREATE DATABASE "{name}" TEMPLATE "{request.getfixturevalue("postgres_template")}"')
    yield settings.model_copy(update={"database_url": _postgres_url(name)})
    await _on_postgres(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One real broker for all tests that do not stop it."""
    with asyncio.Runner() as runner:
        server = EmbeddedServer(tmp_path_factory.mktemp("broker"))
        runner.run(server.start())
        yield server
        runner.run(server.stop())


@pytest.fixture
async def nats(nats_server: EmbeddedServer) -> EmbeddedServer:
    """The broker, emptied."""
    client = await connect(nats_server.url, token=nats_server.token)
    jetstream = client.jetstream()
    for stream in ("JOBS", "EVENTS", "KV_WORKERS"):
        with suppress(NotFoundError):
            await jetstream.delete_stream(stream)
    await client.close()
    return nats_server


@pytest.fixture
async def jetstream(nats: EmbeddedServer) -> AsyncIterator[JetStreamContext]:
    """A connection of the test's own, to look into the queue and to change what is in it."""
    client = await connect(nats.url, token=nats.token)
    yield client.jetstream()
    await client.close()


def joined(settings: Settings, server: EmbeddedServer) -> Settings:
    """The settings of a process that uses this broker."""
    token = SecretStr(server.token) if server.token else None
    return settings.model_copy(update={"nats_url": server.url, "nats_token": token})


@pytest.fixture
async def app(settings: Settings, nats: EmbeddedServer) -> AsyncIterator[FastAPI]:
    """The application, started."""
    application = create_app(joined(settings, nats))
    async with application.router.lifespan_context(application):
        yield application


@pytest.fixture
def services(app: FastAPI) -> Container:
    container = app.state.container
    assert isinstance(container, Container)
    return container


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that calls the application in this process."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as client:
        yield client


@pytest.fixture
async def live(settings: Settings, nats: EmbeddedServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real HTTP server: for streams, and for bodies that are refused half way."""
    application = create_app(joined(settings, nats))
    async with (
        serve(application) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        client.app = application  # type: ignore[attr-defined]
        yield client


@pytest.fixture
def fake_worker(services: Container) -> FakeWorker:
    """Does the work of a worker, step by step as the test says."""
    return FakeWorker(services)
