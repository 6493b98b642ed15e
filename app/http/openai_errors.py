"""Errors as OpenAI's clients read them, beside the problem document, on the routes that they call."""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

_BAD_REQUEST = frozenset({409, 413, 415, 422})  # their clients know 400 for what is wrong with a request
_LATER = frozenset({429, 503})


class OpenAIError(BaseModel):
    """The member ``error`` of an answer."""

    message: str
    type: str = Field(description="`invalid_request_error`, `rate_limit_error` or `server_error`.")
    param: str | None = Field(description="The field that is wrong.")
    code: str = Field(description="As in the problem document.")


class OpenAIRoute(APIRoute):
    """A route whose errors are problem documents with a member ``error``, and 400 where others answer 409,
    413, 415 or 422: so OpenAI's clients raise what they raise at OpenAI."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def marked(request: Request) -> Response:
            request.state.openai = True
            return await handle(request)

        return marked


def is_openai(request: Request) -> bool:
    """Whether the errors of this request are to have that form."""
    return getattr(request.state, "openai", False)


def openai_status(status: int) -> int:
    """What their clients expect instead of a status."""
    return HTTPStatus.BAD_REQUEST if status in _BAD_REQUEST else status


def openai_headers(status: int) -> dict[str, str]:
    """Their clients send a refused request again, also one that would start the same work twice."""
    return {} if status in _LATER else {"X-Should-Retry": "false"}


def openai_error(problem: Mapping[str, Any]) -> dict[str, Any]:
    """The member ``error`` for a problem document."""
    status = problem["status"]
    kind = "rate_limit_error" if status == HTTPStatus.TOO_MANY_REQUESTS else "invalid_request_error"
    invalid = problem.get("errors") or [{}]
    return OpenAIError(
        message=problem["detail"],
        type="server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else kind,
        param=problem.get("field") or invalid[0].get("field"),
        code=str(problem["code"]),
    ).model_dump()
