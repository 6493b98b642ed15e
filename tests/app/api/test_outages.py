"""What is away for a moment, or full, is a 503 that may be repeated; everything else stays a 500."""

import errno

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.api import problems


class _StandbyError(Exception):
    sqlstate = "25006"


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
        (DBAPIError("INSERT", {}, Exception("a mistake")), 500, None),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), 503, "2"),
        (OSError(errno.ENOSPC, "No space left on device"), 503, "60"),
        (PermissionError(errno.EACCES, "not allowed"), 500, None),
        (ValueError("a mistake"), 500, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_outages(error: Exception, status: int, wait: str | None) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/")
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == wait
    assert answer.json()["code"] == ("service_unavailable" if status == 503 else "internal_error")
