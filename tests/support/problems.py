"""What every refusal of the service has to say."""

from __future__ import annotations

from typing import Any

import httpx

from app.errors import ErrorCode


def check_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """A complete problem document; returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["code"] in list(ErrorCode)
    assert problem["type"].endswith(code)
    assert problem["title"]
    assert problem["detail"][0].isupper() or problem["detail"][0] == "`"
    assert problem["detail"].endswith(".")
    assert ":" in problem["detail"], f"says what to do next: {problem['detail']}"
    assert problem["instance"] == answer.request.url.path
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem
