"""Limit the size of request bodies while they stream in."""

import re
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message

from app.errors import AppError, PayloadTooLargeError, UnsupportedMediaTypeError
from app.http.content_negotiation import whole_number
from app.settings import KIB, MIB

MAX_JSON_BYTES = 64 * KIB  # the longest that makes sense is a style's description, every character escaped
_JSON = re.compile(r"application/([\w.-]+\+)?json\s*(;|$)", re.IGNORECASE)
_FEWER, _SHORTER = "send fewer or smaller files", "leave out what it does not need"


class JsonRoute(APIRoute):
    """A route with a JSON body, which the framework alone would read whatever its size, before the key is
    looked at. Raises PayloadTooLargeError, UnsupportedMediaTypeError."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def bounded(request: Request) -> Response:
            authenticator = request.app.state.container.authenticator
            await authenticator.authenticate(request)  # a stranger's body is not waited for
            refuse_declared(request, MAX_JSON_BYTES, _SHORTER)
            body = bytearray()
            async for chunk in counted(request, MAX_JSON_BYTES, _SHORTER):
                body += chunk
            if body and not _JSON.match(request.headers.get("content-type", "")):
                raise UnsupportedMediaTypeError(
                    "Send the body as JSON: with curl, add -H 'Content-Type: application/json'."
                )
            whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

            async def receive() -> Message:
                return whole.pop() if whole else await request.receive()

            return await handle(Request(request.scope, receive))

        return bounded


def refuse_declared(request: Request, max_bytes: int, advice: str = _FEWER) -> None:
    """What the headers of a body say against it, before a byte is read. Raises PayloadTooLargeError,
    UnsupportedMediaTypeError."""
    encoding = request.headers.get("content-encoding", "").strip()
    if encoding.lower() not in ("", "identity"):
        raise UnsupportedMediaTypeError(
            f"The body is encoded ({encoding[:40]}): send it as it is, without Content-Encoding.",
            headers={"Accept-Encoding": "identity"},  # RFC 9110, 15.5.16
        )
    declared = whole_number(request.headers.get("content-length"))
    if declared is not None and declared > max_bytes:
        raise _too_large(max_bytes, advice)


async def counted(request: Request, max_bytes: int, advice: str = _FEWER) -> AsyncGenerator[bytes, None]:
    """The body as it comes. Raises PayloadTooLargeError."""
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes, advice)
        yield chunk


async def drain(body: AsyncGenerator[bytes, None]) -> None:
    """Read the rest away, within the limit: most clients listen for the answer only after sending it all.

    For requests whose sender is known: strangers are answered at once, see `app.http.connections`.
    """
    try:
        async for _ in body:
            pass
    except AppError:
        return


def _too_large(max_bytes: int, advice: str) -> PayloadTooLargeError:
    size = f"{max_bytes / MIB:g} MiB" if max_bytes >= MIB else f"{max_bytes / KIB:g} KiB"
    return PayloadTooLargeError(
        f"The request is larger than {size}: {advice}.", headers={"Connection": "close"}
    )
