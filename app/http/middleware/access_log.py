"""Log and measure each request."""

import logging
import time
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.paths import address
from app.http.request_metrics import RequestFigures

logger = logging.getLogger("app.access_log")

_QUIET = frozenset({"/livez", "/readyz", "/metrics"})  # probes: counted, not logged (see app.api.readiness)

_LONGEST = 512  # characters of a path in the log

_FROM_STATE = ("owner", "key_id", "code")  # who asked, and of an error what it was


class ObserveMiddleware:
    """Inside of the request ids, outside of everything else."""

    def __init__(self, app: ASGIApp, figures: RequestFigures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, streaming, sent = 0, False, 0

        async def observed_send(message: Message) -> None:
            nonlocal status, streaming, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                self._figures.answered(
                    scope["method"], _template(scope), status, time.perf_counter() - started
                )
                if Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream"):
                    streaming = True
                    self._figures.stream_opened()
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, observed_send)
        except Exception:
            if not status:
                status = 500  # answered outside of this
                self._figures.answered(
                    scope["method"], _template(scope), status, time.perf_counter() - started
                )
            raise
        finally:
            if streaming:
                self._figures.stream_closed()
            self._log(scope, status, sent, time.perf_counter() - started)

    def _log(self, scope: Scope, status: int, sent: int, seconds: float) -> None:
        path = address(scope)
        if path in _QUIET:
            return
        path = path[:_LONGEST]  # by anybody, in any number
        client, state = scope.get("client"), scope.get("state", {})
        # Without the query: links are signed there.
        logger.info(
            "%s %s %s in %.0f ms",
            scope["method"],
            quote(path),  # a decoded line break would begin a line of the client's making
            status or "gone",
            seconds * 1000,
            extra={
                "method": scope["method"],
                "path": path,
                "route": _template(scope),
                "status": status,
                "milliseconds": round(seconds * 1000, 1),
                "bytes": sent,
                "client": client[0] if client else None,
                **{name: state[name] for name in _FROM_STATE if name in state},
            },
        )


def _template(scope: Scope) -> str | None:
    """The path of the route that the request was for, e.g. ``/v1/jobs/{job_id}``."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else None
