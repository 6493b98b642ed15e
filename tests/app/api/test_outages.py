"""What is away for a moment, or full, is a 503 that may be repeated; a value that does not fit is a 422."""

import errno
import sqlite3

import httpx
import pytest
from fastapi import FastAPI
from obstore.exceptions import GenericError, UnauthenticatedError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.api.services import Container
from app.http import exception_handlers
from app.retention.orphans import orphans
from tests.support.database import answers_lost
from tests.support.fake_worker import FakeWorker, ready_style, style_bytes
from tests.support.pictures import files, png

BROKEN = OperationalError("COMMIT", {}, Exception("the connection was closed"))


class _StandbyError(Exception):
    sqlstate = "25006"


class _TooLongError(Exception):
    sqlstate = "22001"


@pytest.mark.parametrize(
    ("error", "status", "wait"),
    [
        (OperationalError("SELECT 1", {}, Exception("the database system is starting up")), 503, "2"),
        (InterfaceError("SELECT 1", {}, Exception("connection is closed")), 503, "2"),
        (PoolTimeoutError("no connection in time"), 503, "2"),
        (
            DBAPIError("INSERT", {}, _StandbyError("this is a read-only transaction")),
            503,
            "2",
        ),
        (DBAPIError("INSERT", {}, _TooLongError("value too long")), 422, None),
        (DBAPIError("INSERT", {}, Exception("a mistake")), 500, None),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), 503, "2"),
        (OSError(errno.ENOSPC, "No space left on device"), 503, "60"),
        (PermissionError(errno.EACCES, "not allowed"), 500, None),
        (GenericError("Unable to open file: Permission denied (os error 13)"), 503, "5"),
        (UnauthenticatedError("the bucket wants another key"), 503, "5"),
        (ValueError("a mistake"), 500, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_outages(error: Exception, status: int, wait: str | None) -> None:
    app = FastAPI()
    exception_handlers.install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/")
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == wait
    codes = {422: "validation_failed", 500: "internal_error", 503: "service_unavailable"}
    assert answer.json()["code"] == codes[status]


@pytest.mark.parametrize("part", [".", "uploads"])
async def test_a_blob_store_that_cannot_be_written(
    client: httpx.AsyncClient, services: Container, fake_worker: FakeWorker, part: str
) -> None:
    """A file in the folder's place, which stops everybody: root may write wherever it can."""
    await ready_style(client, fake_worker)
    folder = services.settings.blobs_folder
    assert folder is not None
    place, aside = folder / part, folder.with_name("aside")
    place.rename(aside)
    place.write_bytes(b"")
    for path in ("styles", "stylize"):
        sent = files(examples=png()) if path == "styles" else files(examples=png(), content=png())
        answer = await client.post(f"/v1/{path}", files=sent)
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    ready = await client.get("/readyz")
    assert (ready.status_code, "blobs" in ready.json()["missing"]) == (503, True)
    place.unlink()
    aside.rename(place)
    assert "blobs" not in (await client.get("/readyz")).json()["missing"]
    assert (await client.post("/v1/styles", files=files(examples=png()))).status_code == 202


async def test_a_request_whose_commit_was_never_answered_keeps_its_pictures(
    client: httpx.AsyncClient, services: Container
) -> None:
    with answers_lost(services.engine, BROKEN):
        answer = await client.post("/v1/styles", files=files(examples=[png(), png(seed=1)]))
    assert answer.status_code == 503
    (job,) = (await client.get("/v1/jobs")).json()["items"]
    assert job["state"] == "queued"
    images = (await client.get("/v1/images", params={"job_id": job["id"]})).json()["items"]
    assert [(await client.get(image["url"])).status_code for image in images] == [200, 200]


async def test_an_import_whose_commit_was_never_answered_keeps_its_file(
    client: httpx.AsyncClient, services: Container
) -> None:
    data = style_bytes(await services.checkpoint.base_hash())
    with answers_lost(services.engine, BROKEN):
        answer = await client.post("/v1/styles/import", files=files(file=data))
    assert answer.status_code == 503
    (style,) = (await client.get("/v1/styles")).json()["items"]
    assert (await client.get(style["file_url"])).content == data


async def test_what_a_commit_left_that_failed_is_an_orphan(
    client: httpx.AsyncClient, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise BROKEN

    with monkeypatch.context() as patch:
        patch.setattr(services.engine.dialect, "do_commit", broken)
        assert (await client.post("/v1/styles", files=files(examples=png()))).status_code == 503
    assert (await client.get("/v1/jobs")).json()["items"] == []
    left = await services.blobs.keys()
    assert len(left) == 1
    assert await orphans(services.sessions, services.blobs, left) == left


def _full(error: Exception, **answer: object) -> OperationalError:
    for name, value in answer.items():
        setattr(error, name, value)
    return OperationalError("COMMIT", {}, error)


@pytest.mark.parametrize(
    "refusal",
    [
        _full(sqlite3.OperationalError("database or disk is full"), sqlite_errorcode=sqlite3.SQLITE_FULL),
        _full(Exception("could not extend file"), sqlstate="53100"),
    ],
    ids=["SQLite", "PostgreSQL"],
)
async def test_a_commit_that_the_database_refused_leaves_nothing(
    client: httpx.AsyncClient,
    services: Container,
    monkeypatch: pytest.MonkeyPatch,
    refusal: OperationalError,
) -> None:
    """A full disk must not be filled by the requests that it refuses."""

    def full(_: object) -> None:
        raise refusal

    with monkeypatch.context() as patch:
        patch.setattr(services.engine.dialect, "do_commit", full)
        assert (await client.post("/v1/styles", files=files(examples=png()))).status_code == 503
    assert (await client.get("/v1/jobs")).json()["items"] == []
    assert await services.blobs.keys() == []
