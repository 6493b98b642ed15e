"""Answer every error as ``application/problem+json`` (RFC 9457) with a code from a closed list."""

import errno
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from obstore.exceptions import BaseError as StoreError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, ErrorCode
from app.http.openai_errors import OpenAIError, is_openai, openai_error, openai_headers, openai_status
from app.http.paths import methods
from app.infra.db import is_away
from app.infra.integrity import is_damaged
from app.infra.logs import reason
from app.redaction import redact
from app.validators import pydantic_says

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# For what the framework itself answers: code and the sentence on what to do next.
_FRAMEWORK: dict[int, tuple[ErrorCode, str]] = {
    400: (ErrorCode.BAD_REQUEST, "The request cannot be read: check its form against /docs."),
    404: (ErrorCode.NOT_FOUND, "There is nothing at this address: see /docs for the calls that exist."),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "This address does not take this method: see the Allow header."),
    406: (ErrorCode.NOT_ACCEPTABLE, "Ask for application/json or a picture format."),
    413: (ErrorCode.PAYLOAD_TOO_LARGE, "The request is too large: send fewer or smaller files."),
    415: (ErrorCode.UNSUPPORTED_MEDIA_TYPE, "Send a multipart/form-data body."),
    422: (ErrorCode.VALIDATION_FAILED, "The request has invalid values: correct them and send it again."),
    503: (ErrorCode.SERVICE_UNAVAILABLE, "The service is not ready: try again in a few seconds."),
}

_DATA_EXCEPTION = "22"  # PostgreSQL's class of errors about a value: not its text, or too long for its column


class FieldProblem(BaseModel):
    """One invalid value."""

    field: str = Field(description="Where the value stands, e.g. `strength` or `query.limit`.")
    detail: str


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:fewstroke:problem:image_animated",
                "title": "Animated image",
                "status": 422,
                "detail": "File 2 of `examples` is animated: send one frame of it as a still picture.",
                "code": "image_animated",
                "instance": "/v1/styles",
                "request_id": "req_01JDXYZ0000000000000000000",
            }
        }
    )

    type: str = Field(description="A URI reference that names the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="What was wrong and what to do next, in a sentence.")
    code: ErrorCode
    instance: str = Field(description="The path of the request.")
    request_id: str = Field(description="Quote it when you report the problem; also in X-Request-ID.")
    errors: list[FieldProblem] | None = None
    error: OpenAIError | None = Field(
        None, description="On the calls that OpenAI's clients know: the same as they read it."
    )


class NoContent(Exception):  # noqa: N818 - nothing is wrong
    """Raised by a dependency whose route would stream an answer: there is nothing to send (204)."""


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its error statuses with the problem document."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document. Before other middleware is added.

    The handlers are coroutines, although none of them waits: Starlette would call a plain function in another
    thread, and a refusal would cost a trip there.
    """
    app.add_middleware(UnexpectedMiddleware)
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(NoContent, _on_no_content)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    for kind in (DBAPIError, PoolTimeoutError, OSError):
        app.add_exception_handler(kind, _on_outage)
    app.add_exception_handler(StoreError, _on_lost_store)


def problem_response(
    request: Request,
    *,
    status: int,
    code: ErrorCode,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> JSONResponse:
    """A problem document about this request."""
    request.state.code = code.value  # for the log
    openai = is_openai(request)
    if openai:
        headers = {**(headers or {}), **openai_headers(status)}
        status = openai_status(status)
    body = {
        "type": f"urn:fewstroke:problem:{code}",
        "title": title,
        "status": status,
        "detail": redact(detail) if status >= 500 else detail,  # drivers and servers have their say there
        "code": code,
        "instance": request.url.path,
        "request_id": getattr(request.state, "request_id", ""),
        **extra,
    }
    if openai:
        body["error"] = openai_error(body)
    return JSONResponse(body, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


async def _on_no_content(_request: Request, _error: Exception) -> Response:
    return Response(status_code=204)


async def _on_app_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppError)
    if error.status >= 500 and error.code is not ErrorCode.WAIT_TIMEOUT:  # that one is the client's patience
        logger.error("%s: %s", error.code, error.detail, exc_info=error if error.status == 500 else None)
    return problem_response(
        request,
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        headers=error.headers,
        **error.extra,
    )


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    fallback = (ErrorCode.INTERNAL_ERROR, "Try again; if it happens again, report the request id.")
    if 400 <= error.status_code < 500:
        fallback = (ErrorCode.BAD_REQUEST, "The request cannot be served: check it against /docs.")
    code, detail = _FRAMEWORK.get(error.status_code, fallback)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(methods(request))  # the framework names those of one route only
    return problem_response(
        request,
        status=error.status_code,
        code=code,
        title=HTTPStatus(error.status_code).phrase,
        detail=detail,
        headers=headers,
    )


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = field_problems(error.errors())
    return problem_response(
        request,
        status=422,
        code=ErrorCode.VALIDATION_FAILED,
        title="The request has invalid values",
        detail=validation_sentence(errors),
        errors=errors,
    )


def field_problems(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Pydantic's errors as ``[{"field": …, "detail": …}]``, in the words of somebody who sent a request."""
    problems = []
    for item in errors:
        field, detail = ".".join(str(part) for part in item["loc"]), pydantic_says(item)
        if item["type"] == "json_invalid":
            said = str(item["ctx"]["error"]).removesuffix(" at")
            field, detail = "body", f"This is no JSON: {said} at character {item['loc'][-1]}"
        elif item["type"] == "extra_forbidden":
            detail = "There is no such field"
        problems.append({"field": field, "detail": detail})
    return problems


def validation_sentence(errors: list[dict[str, str]]) -> str:
    """One sentence over all invalid fields."""
    named = "; ".join(f"{item['field']}: {item['detail']}" for item in errors)
    return f"Correct these values and send the request again: {named}."


async def _on_outage(request: Request, error: Exception) -> JSONResponse:
    """The database restarts, a disk is full: nothing is wrong with the request, which may
    be repeated.

    Or a value got to the database that it cannot hold: then nothing is wrong with the service.
    """
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    if isinstance(error, DBAPIError) and state.startswith(_DATA_EXCEPTION):
        logger.warning("a value was refused by the database only: %s", reason(error))
        return problem_response(
            request,
            status=422,
            code=ErrorCode.VALIDATION_FAILED,
            title="The request has invalid values",
            detail="A value of the request cannot be stored: leave out control characters, or shorten it.",
        )
    if is_damaged(error):
        request.app.state.container.integrity.note(error)  # then it is not ready either
        return problem_response(
            request,
            status=503,
            code=ErrorCode.SERVICE_UNAVAILABLE,
            title="Service unavailable",
            detail="The database of the service is damaged: its operator has to restore it.",
            headers={"Retry-After": "600"},
        )
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if not (full or is_away(error)):
        raise error
    logger.error("%s: %s", "no space left" if full else "a part of the service is away", reason(error))
    return problem_response(
        request,
        status=503,
        code=ErrorCode.SERVICE_UNAVAILABLE,
        title="Service unavailable",
        detail="The service has no room left to store anything: try again later."
        if full
        else "The database does not answer just now: try again in a few seconds.",
        headers={"Retry-After": "60" if full else "2"},
    )


async def _on_lost_store(request: Request, error: Exception) -> JSONResponse:
    """The blob store is away, or may not be written or read: nothing is wrong with the request."""
    logger.error("the blob store: %s", reason(error))
    return problem_response(
        request,
        status=503,
        code=ErrorCode.SERVICE_UNAVAILABLE,
        title="Storage unavailable",
        detail="The service cannot reach what it stores just now: send the request again in a few seconds.",
        headers={"Retry-After": "5"},
    )


def _unexpected(request: Request) -> JSONResponse:
    return problem_response(
        request,
        status=500,
        code=ErrorCode.INTERNAL_ERROR,
        title="Internal error",
        detail="Something unexpected went wrong here: try again, and report the request id if it stays.",
    )


class UnexpectedMiddleware:
    """The innermost. Starlette's own handler of such errors stands outside of all others: its answer would
    lack what they add, and a page of another origin could not even read it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noted_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted_send)
        except ClientDisconnect:
            return  # in the middle of its upload: there is nobody to answer, and nothing went wrong here
        except Exception as error:
            if started:
                raise  # the server breaks the connection off, so that nobody takes a part for the whole
            logger.exception("unexpected: %s", type(error).__name__)
            await _unexpected(Request(scope, receive))(scope, receive, send)
