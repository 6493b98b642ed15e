"""The path of a request without the prefix of a proxy, and the methods that it allows."""

from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.types import Scope


def address(scope: Scope) -> str:
    """The path of a request without the prefix."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "").rstrip("/"))


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
