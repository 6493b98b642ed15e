"""Health, models, documentation, request ids, and what every error looks like."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.api.services import Container
from app.errors import AppError, ErrorCode
from tests.support.problems import check_problem


def subclasses(kind: type[AppError]) -> set[type[AppError]]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


async def test_ready_only_with_a_worker(client: httpx.AsyncClient, services: Container) -> None:
    assert (await client.get("/livez")).json() == {"status": "ok"}
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    body = answer.json()
    assert (body["status"], list(body["missing"]), body["workers"]) == ("not_ready", ["worker"], 0)
    assert body["missing"]["worker"] == "none"
    assert "fewstroke worker" in body["details"]["worker"], "at this machine, without keys"
    await services.broker.beat("w1", {})
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "missing": {}, "workers": 1})


async def test_readiness_names_everything_that_is_missing(
    client: httpx.AsyncClient, services: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr("app.api.health.ping", broken)
    monkeypatch.setattr(services.blobs, "check", broken)
    assert services.settings.checkpoint is not None
    services.settings.checkpoint.unlink()
    await services.broker.close()
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    missing = answer.json()["missing"]
    assert set(missing) == {"database", "blobs", "broker", "checkpoint", "worker"}
    assert set(missing.values()) == {"away"}
    assert answer.json()["details"]["database"] == "the disk is gone"
    assert (await client.get("/livez")).status_code == 200
    check_problem(await client.get("/v1/models"), 503, "service_unavailable")


async def test_models(client: httpx.AsyncClient, services: Container) -> None:
    base = await services.checkpoint.base_hash()
    (model,) = (await client.get("/v1/models")).json()["items"]
    assert (model["base_hash"], model["default_steps"], model["max_examples"]) == (base, None, 16)
    await services.broker.beat("w1", {"base_hash": base, "default_steps": 30})
    (model,) = (await client.get("/v1/models")).json()["items"]
    assert model["default_steps"] == 30


async def test_request_ids(client: httpx.AsyncClient) -> None:
    one, two = [(await client.get("/livez")).headers["x-request-id"] for _ in range(2)]
    assert one != two
    answer = await client.get("/livez", headers={"X-Request-ID": "my-id.1"})
    assert answer.headers["x-request-id"] == "my-id.1"
    for bad in ("a b", "x" * 65, "<script>"):
        answer = await client.get("/livez", headers={"X-Request-ID": bad})
        assert answer.headers["x-request-id"] != bad


async def test_the_unexpected_is_a_problem_without_secrets(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("app.jobs.routes.list_jobs", broken)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/v1/jobs")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "internal_error"
    assert answer.json()["request_id"].startswith("req_")
    assert "hunter2" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["x-content-type-options"] == "nosniff", "what all answers have"


def test_every_error_has_its_own_code() -> None:
    specific = {
        kind for kind in subclasses(AppError) if "code" in vars(kind) and kind.__module__ == "app.errors"
    }
    codes = [kind.code for kind in specific]
    shared = {code for code in codes if codes.count(code) > 1}
    assert shared <= {ErrorCode.IMAGE_CORRUPT, ErrorCode.VALIDATION_FAILED}, (
        "the base class of image errors shares its code with one child, and a mask may be an invalid value"
    )
    for kind in specific:
        assert 400 <= kind.status < 600
        assert kind.title


def test_every_code_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "errors.md").read_text()
    documented = re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)
    assert sorted(documented) == sorted(ErrorCode)


async def test_the_description_is_complete(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert set(schema["paths"]) == {
        "/livez",
        "/metrics",
        "/readyz",
        "/v1/images",
        "/v1/images/edits",
        "/v1/images/plain",
        "/v1/detections",
        "/v1/images/{image_id}",
        "/v1/images/{image_id}/content",
        "/v1/images/{image_id}/share",
        "/v1/shared/{token}",
        "/v1/files",
        "/v1/files/{file_id}",
        "/v1/files/{file_id}/content",
        "/v1/batches",
        "/v1/batches/{batch_id}",
        "/v1/batches/{batch_id}/zip",
        "/v1/compositions",
        "/v1/compositions/{composition_id}",
        "/v1/compositions/{composition_id}/zip",
        "/v1/poems",
        "/v1/poems/{poem_id}",
        "/v1/poems/{poem_id}/zip",
        "/v1/stories",
        "/v1/stories/{story_id}",
        "/v1/stories/{story_id}/zip",
        "/v1/jobs",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/cancel",
        "/v1/jobs/{job_id}/events",
        "/v1/jobs/{job_id}/retry",
        "/v1/models",
        "/v1/models/{style_id}",
        "/v1/usage",
        "/v1/stylizations",
        "/v1/stylizations/{stylization_id}",
        "/v1/stylizations/{stylization_id}/zip",
        "/v1/stylize",
        "/v1/styles",
        "/v1/styles/import",
        "/v1/styles/{style_id}",
        "/v1/styles/{style_id}/relearn",
        "/v1/styles/{style_id}/file",
        "/v1/styles/{style_id}/onnx",
        "/v1/webhooks",
        "/v1/webhooks/{webhook_id}",
        "/v1/webhooks/{webhook_id}/deliveries",
        "/v1/webhooks/{webhook_id}/secret",
        "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    }
    schemas = schema["components"]["schemas"]
    assert schemas["ErrorCode"]["enum"] == [code.value for code in ErrorCode]
    assert "HTTPValidationError" not in schemas
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            for status, response in operation["responses"].items():
                if int(status) >= 400 and path != "/readyz":
                    assert "application/problem+json" in response["content"], (method, path, status)
    form = schema["paths"]["/v1/stylize"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["examples", "content"]
    assert form["properties"]["examples"]["maxItems"] == 16
    assert form["properties"]["strength"]["maximum"] == 1.5


async def test_every_reference_of_the_description_resolves(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        if isinstance(node, list):
            return set().union(*(references(value) for value in node))
        return set()

    for reference in references(schema):
        prefix, _, name = reference.rpartition("/")
        assert prefix == "#/components/schemas", reference
        assert name in schema["components"]["schemas"], reference


async def test_pages_for_people(client: httpx.AsyncClient) -> None:
    home = await client.get("/")
    assert home.headers["content-type"].startswith("text/html")
    assert "/docs" in home.text
    docs = await client.get("/docs")
    assert docs.status_code == 200
    assert "/openapi.json" in docs.text
    assert "https://" not in docs.text, "it works without the internet"
    for name in re.findall(r"/docs/assets/[\w.-]+", docs.text):
        assert len((await client.get(name)).content) > 1000
