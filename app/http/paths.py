"""Paths with and without the prefix that a reverse proxy serves this service under, and their methods.

The prefix (``FEWSTROKE_ROOT_PATH``) is ``root_path`` of the ASGI scope. Within, an address has none; what
leaves in answers has it: fields of the type ``Href``, and headers made with ``href``.
"""

from contextvars import ContextVar
from typing import Annotated

from fastapi.routing import iter_route_contexts
from pydantic import PlainSerializer
from starlette.requests import Request
from starlette.types import Scope

prefix: ContextVar[str] = ContextVar("prefix", default="")
"""The prefix of the request at hand; set by ``RootPathMiddleware``."""


def address(scope: Scope) -> str:
    """The path of a request without the prefix."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "").rstrip("/"))


def href(path: str) -> str:
    """An address of the service as the client of this request writes it: without scheme and host, which a
    proxy changes, and with the prefix."""
    return f"{prefix.get()}{path}"


Href = Annotated[str, PlainSerializer(href, return_type=str)]
"""A field with an address of the service; it gets the prefix when it is written into an answer."""


def has_head(path: str) -> bool:
    """Whether HEAD can be answered there: the headers of an event stream come with a stream that goes on."""
    return not path.endswith("/events")


def methods(request: Request) -> list[str]:
    """All methods that the address takes.

    An address that is some route's own, word for word, is no id: `/v1/styles/import` takes what is said of
    it, and not what is said of `/v1/styles/{style_id}`.
    """
    here = address(request.scope)
    named: set[str] = set()
    matched: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(here):
            matched |= route.methods or set()
            if getattr(route, "path", None) == here:
                named |= route.methods or set()
    found = named or matched
    return sorted(found | {"HEAD"} if "GET" in found and has_head(here) else found)
