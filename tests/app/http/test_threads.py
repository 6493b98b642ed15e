"""What every request passes runs in the event loop: a plain function would cost each a trip to a thread."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from anyio import to_thread


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/jobs/job_01J00000000000000000000000", 404),
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/usage", 405),
        ("GET", "/v1/jobs?limit=x", 422),
        ("POST", "/v1/styles", 415),
        ("GET", "/v1/usage", 200),
    ],
)
async def test_answers_and_refusals_need_no_other_thread(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, method: str, path: str, status: int
) -> None:
    await client.request(method, path)  # what is made once, as statements are
    trips: list[object] = []

    async def noted(call: Any, *arguments: Any, **options: Any) -> Any:
        trips.append(call)
        return call(*arguments)

    monkeypatch.setattr(to_thread, "run_sync", noted)
    assert (await client.request(method, path)).status_code == status
    assert trips == []
