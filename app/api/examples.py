"""Examples for every call, composed from those of the models, so that each is written once."""

from typing import Any

_STRINGS = {"date-time": "2026-01-01T12:00:00Z"}
_NUMBERS = {"integer": 1, "number": 1.0}


def add_examples(schema: dict[str, Any]) -> None:
    """Give every request body and every JSON answer of an OpenAPI description an example, in place."""
    schemas = schema["components"]["schemas"]
    for path in schema["paths"].values():
        for operation in path.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                _illustrate(media, schemas, request=True)
            for status, response in operation["responses"].items():
                if status.startswith("2"):
                    for kind, media in response.get("content", {}).items():
                        if kind == "application/json":
                            _illustrate(media, schemas)


def _illustrate(media: dict[str, Any], schemas: dict[str, Any], *, request: bool = False) -> None:
    if "schema" in media and "example" not in media and "examples" not in media:
        media["example"] = example_of(media["schema"], schemas, brief=request)


def example_of(schema: dict[str, Any], schemas: dict[str, Any], *, brief: bool = False) -> Any:
    """An example that the schema accepts. ``brief``: objects with what is required, or has an example."""
    if "example" in schema:
        return _with_nulls(schema["example"], schema, schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, brief=brief)
    if _nullable(schema):
        return None
    for alternatives in ("anyOf", "oneOf", "allOf"):
        if alternatives in schema:
            return example_of(schema[alternatives][0], schemas, brief=brief)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("default") is not None:
        return schema["default"]
    return _of_type(schema, schemas, brief)


def _nullable(schema: dict[str, Any]) -> bool:
    return any(option.get("type") == "null" for option in schema.get("anyOf", ()))


def _with_nulls(example: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """The example with the nulls that the framework strips from it."""
    if "$ref" in schema:
        return _with_nulls(example, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if isinstance(example, list) and "items" in schema:
        return [_with_nulls(item, schema["items"], schemas) for item in example]
    if isinstance(example, dict) and "properties" in schema:
        fields = schema["properties"]
        return {
            name: _with_nulls(example[name], field, schemas) if name in example else None
            for name, field in fields.items()
            if name in example or (name in schema.get("required", ()) and _nullable(field))
        }
    if example is not None and "anyOf" in schema:
        return _with_nulls(example, schema["anyOf"][0], schemas)
    return example


def _of_type(schema: dict[str, Any], schemas: dict[str, Any], brief: bool) -> Any:
    kind = schema.get("type")
    if kind == "object":
        required = schema.get("required", [])
        return {
            name: example_of(field, schemas)
            for name, field in schema.get("properties", {}).items()
            if not brief or name in required or "example" in field or "examples" in field
        }
    if kind == "array":
        return [example_of(schema["items"], schemas)]
    if kind in _NUMBERS:
        return max(_NUMBERS[kind], schema.get("minimum", _NUMBERS[kind]))
    if kind == "string":
        return (
            "picture.jpg" if "contentMediaType" in schema else _STRINGS.get(schema.get("format", ""), "text")
        )
    return True if kind == "boolean" else None
