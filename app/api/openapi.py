"""The parts of the OpenAPI description that no route gives: its text, its tags, its error schema."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.api.openapi_examples import add_examples
from app.http.exception_handlers import MEDIA_TYPE, Problem, problem_responses
from app.idempotency.keys import HEADER as IDEMPOTENCY

DESCRIPTION = """Few-shot style adaptation: pictures in a style and a photo in, the photo in that style out;
works of a composer in, new songs in that manner out.

Every request that starts work answers `202` with a job once the job is durable. Poll the job, follow its
events, or send `Prefer: wait=N` to get the answer when it is done. Errors are `application/problem+json`
(RFC 9457) with a `code` from the list in the schema `ErrorCode`."""

TAGS: list[dict[str, Any]] = [
    {"name": "stylizations", "description": "Apply a style to photos, or do everything in one call."},
    {
        "name": "batches",
        "description": "Apply a style to thousands of photos, after all else.",
    },
    {"name": "styles", "description": "Learn, list, download, import and delete styles."},
    {"name": "jobs", "description": "Follow and cancel the work."},
    {"name": "compositions", "description": "Compose in the manner of a style of music."},
    {"name": "poems", "description": "Write in the manner of a style of Chinese poems."},
    {"name": "stories", "description": "Write in the manner of a style of English prose."},
    {"name": "images", "description": "What was uploaded and what was made."},
    {"name": "files", "description": "Uploads and results that are no pictures."},
    {"name": "openai", "description": "What OpenAI's clients call."},
    {"name": "webhooks", "description": "Have your server told what becomes of jobs."},
    {"name": "service", "description": "Health, and the model."},
]


_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait before the next attempt", "schema": {"type": "integer"}}
}


def operation_id(route: APIRoute) -> str:
    """The name of a call in generated clients, unless the route states one: its function's, in camel case."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def use_problem_schema(app: FastAPI) -> None:
    """Describe errors as they are: the problem document, also where the framework assumes its own."""
    framework = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = framework()
            schemas = schema["components"]["schemas"]
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(problem.pop("$defs", {}))
            schemas["Problem"] = problem
            for path in schema["paths"].values():
                for operation in path.values():
                    if "security" in operation:
                        _add(operation["responses"], 401, 403, 429)
                        operation["responses"]["429"] |= {"headers": _RETRY_AFTER}
                    if "openai" in operation["tags"]:
                        operation["responses"].pop("422", None)  # 400 there
                    elif "requestBody" in operation:
                        _add(operation["responses"], 400, 413, 415)  # no form, or no JSON; too large; encoded
                    if any(given["name"] == IDEMPOTENCY for given in operation.get("parameters", ())):
                        _add(operation["responses"], 404)  # what the first request made was deleted since
                    _replace_framework_errors(operation["responses"])
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            _describe_streams(schema)
            add_examples(schema)
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _add(responses: dict[str, Any], *statuses: int) -> None:
    for status, response in problem_responses(*statuses).items():
        responses.setdefault(str(status), response)


def _describe_streams(schema: dict[str, Any]) -> None:
    """Say what OpenAPI 3.1 can say of event streams."""
    for path in schema["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                if media := response.get("content", {}).get("text/event-stream"):
                    media["schema"] = {"type": "string", "description": "Server-sent events."}


def _replace_framework_errors(responses: dict[str, Any]) -> None:
    reference = {"$ref": "#/components/schemas/Problem"}
    for response in responses.values():
        for media in list(response.get("content", {}).values()):
            if media.get("schema", {}).get("$ref", "").endswith("/HTTPValidationError"):
                response["content"] = {MEDIA_TYPE: {"schema": reference}}
