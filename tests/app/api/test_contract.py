"""The description of the calls: complete, stable, and the one in the repository."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from app.api.contract import contract
from app.api.main import create_app
from app.images.schemas import ImageOut
from app.jobs.schemas import JobOut, JobPage
from app.settings import Settings
from app.styles.schemas import StyleAccepted, StyleOut, StylePage
from app.stylizations.schemas import OneCallAccepted, StylizationAccepted, StylizationPage

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    app = create_app(Settings.model_construct())
    description: dict[str, Any] = app.openapi()
    return description


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_committed_description_is_that_of_the_code() -> None:
    assert COMMITTED.read_text() == contract(), "run `fewstroke openapi -o docs/openapi.json`"


def test_the_environment_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEWSTROKE_MAX_EXAMPLES", "3")
    assert json.loads(contract())["paths"] == json.loads(COMMITTED.read_text())["paths"]


def test_every_call_has_a_name_of_its_own(description: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(description)]
    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", name)] == []


def test_every_call_has_examples(description: dict[str, Any]) -> None:
    missing = []
    for name, operation in operations(description):
        bodies = [*operation.get("requestBody", {}).get("content", {}).values()]
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                json_answer = response.get("content", {}).get("application/json")
                bodies += [json_answer] if json_answer is not None else []
        missing += [name for body in bodies if not (body.get("example") or body.get("examples"))]
    assert missing == []


@pytest.mark.parametrize(
    ("operation", "model"),
    [
        ("createStyle", StyleAccepted),
        ("listStyles", StylePage),
        ("getStyle", StyleOut),
        ("createStylization", StylizationAccepted),
        ("listStylizations", StylizationPage),
        ("stylize", OneCallAccepted),
        ("getJob", JobOut),
        ("listJobs", JobPage),
        ("getImage", ImageOut),
    ],
)
def test_the_examples_are_valid(description: dict[str, Any], operation: str, model: type[Any]) -> None:
    (found,) = [item for _, item in operations(description) if item["operationId"] == operation]
    status = "202" if "202" in found["responses"] else "200"
    example = found["responses"][status]["content"]["application/json"]["example"]
    parsed = TypeAdapter(model).validate_json(json.dumps(example))
    shown = json.loads(TypeAdapter(model).dump_json(parsed))
    assert shown == example, "complete, and as the service writes it"


def test_a_form_that_repeats_fields_says_so(description: dict[str, Any]) -> None:
    body = description["paths"]["/v1/stylizations"]["post"]["requestBody"]["content"]["multipart/form-data"]
    properties = body["schema"]["properties"]
    assert (properties["style_id"]["type"], properties["style_id"]["maxItems"]) == ("array", 8)
    assert properties["weight"]["items"]["type"] == "number"
    assert set(body["schema"]["required"]) == {"contents", "style_id"}
    assert {"contents", "style_id"} <= set(body["example"])


def test_calls_that_make_something_take_an_idempotency_key(description: dict[str, Any]) -> None:
    for name in ("createStyle", "importStyle", "createStylization", "stylize", "retryJob"):
        (found,) = [item for _, item in operations(description) if item["operationId"] == name]
        headers = [item["name"] for item in found["parameters"] if item["in"] == "header"]
        assert "Idempotency-Key" in headers, name
