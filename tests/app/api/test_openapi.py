"""The description of the calls: complete, stable, and the one in the repository."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.api.export_openapi import contract
from app.api.main import create_app
from app.errors import AppError
from app.http.forms import MAX_FIELDS
from app.imaging.formats import ClipFormat, OutputFormat
from app.settings import Settings

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


def test_it_is_valid_openapi(description: dict[str, Any]) -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(description).iter_errors()] == []


def test_every_call_is_described_with_what_it_refuses(description: dict[str, Any]) -> None:
    for name, operation in operations(description):
        assert operation["summary"], name
        assert len(operation["description"]) > 10, name
        statuses = set(operation["responses"])
        if "security" in operation:
            assert {"401", "403", "429"} <= statuses, name
        if "{" in name:
            assert "404" in statuses, name
        for status, response in operation["responses"].items():
            assert response["description"], name
            if status >= "4" and (name, status) != ("GET /readyz", "503"):
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_every_example_is_what_its_schema_says(description: dict[str, Any]) -> None:
    checked = 0
    for name, operation in operations(description):
        bodies = [("request", operation.get("requestBody", {}))]
        bodies += [(status, response) for status, response in operation["responses"].items()]
        for where, body in bodies:
            for kind, media in body.get("content", {}).items():
                if "json" not in kind and where != "request":
                    continue
                assert "example" in media, (name, where)
                schema = {**media["schema"], "components": description["components"]}
                problems = [error.message for error in OAS31Validator(schema).iter_errors(media["example"])]
                assert problems == [], (name, where)
                checked += 1
        for parameter in operation.get("parameters", ()):
            assert parameter["in"] != "path" or parameter["example"], (name, parameter["name"])
    assert checked > 150


def test_examples_of_refusals_name_codes_of_that_status(description: dict[str, Any]) -> None:
    known = {(str(kind.status), str(kind.code), kind.title) for kind in subclasses(AppError)}
    for name, operation in operations(description):
        for status, response in operation["responses"].items():
            example = response.get("content", {}).get("application/problem+json", {}).get("example")
            assert example is None or (status, example["code"], example["title"]) in known, name


def subclasses(kind: type[AppError]) -> Iterator[type[AppError]]:
    for child in kind.__subclasses__():
        yield from subclasses(child)
        yield child


def test_a_form_that_repeats_fields_says_so(description: dict[str, Any]) -> None:
    body = description["paths"]["/v1/stylizations"]["post"]["requestBody"]["content"]["multipart/form-data"]
    properties = body["schema"]["properties"]
    assert (properties["style_id"]["type"], properties["style_id"]["maxItems"]) == ("array", 8)
    assert properties["weight"]["items"]["type"] == "number"
    assert set(body["schema"]["required"]) == {"contents", "style_id"}
    assert {"contents", "style_id"} <= set(body["example"])


def test_images_come_in_all_formats_of_results(description: dict[str, Any]) -> None:
    answers = description["paths"]["/v1/images/{image_id}/content"]["get"]["responses"]
    made = {form.media_type for form in (*OutputFormat, *ClipFormat)}
    assert set(answers["200"]["content"]) == made


def test_calls_that_make_something_take_an_idempotency_key(description: dict[str, Any]) -> None:
    for name in (
        "createStyle",
        "importStyle",
        "createStylization",
        "stylize",
        "createComposition",
        "retryJob",
    ):
        (found,) = [item for _, item in operations(description) if item["operationId"] == name]
        headers = [item["name"] for item in found["parameters"] if item["in"] == "header"]
        assert "Idempotency-Key" in headers, name


def longest(schema: dict[str, Any]) -> int:
    """How often a field may be sent that holds no file."""
    lists = [part for part in [schema, *schema.get("anyOf", [])] if part.get("type") == "array"]
    values = [part["items"] for part in lists] or [schema]
    if any(value.get("format") == "binary" or "contentMediaType" in value for value in values):
        return 0
    return max([part["maxItems"] for part in lists if "maxItems" in part], default=1)


def test_a_form_with_every_field_that_is_described_can_be_read(description: dict[str, Any]) -> None:
    sent = {}
    for name, operation in operations(description):
        content = operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            form = content["multipart/form-data"]["schema"]
            if "$ref" in form:
                form = description["components"]["schemas"][form["$ref"].rpartition("/")[2]]
            sent[name] = sum(longest(field) for field in form["properties"].values())
    assert max(sent.values()) > 32
    assert {name: fields for name, fields in sent.items() if fields > MAX_FIELDS} == {}
