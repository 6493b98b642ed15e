"""Set security headers on every answer whose route has not set its own."""

from http import HTTPStatus

from starlette.datastructures import URL, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.paths import address

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # addresses of pictures are secrets while their links live
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_PAGE = (  # of our own pages: all from here, nothing inline; pictures may be made by the page itself
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_DATA = "default-src 'none'; frame-ancestors 'none'"


class HeadersMiddleware:
    """``hsts_seconds``: browsers shall use https from now on for so long; 0: not said."""

    def __init__(self, app: ASGIApp, *, hsts_seconds: int = 0) -> None:
        self._app = app
        self._always = dict(_ALWAYS)
        if hsts_seconds:
            self._always["Strict-Transport-Security"] = f"max-age={hsts_seconds}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                page = headers.get("content-type", "").startswith("text/html")
                said = {"Content-Security-Policy": _PAGE if page else _DATA, **self._always}
                if address(scope).startswith("/v1/"):
                    said["Cache-Control"] = "no-store"
                said |= scope.get("state", {}).get("rate_headers", {})
                for name, value in said.items():
                    headers.setdefault(name, value)
                if message["status"] == HTTPStatus.TEMPORARY_REDIRECT:  # of a slash too many
                    headers["Location"] = _relative(headers["Location"])
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _relative(location: str) -> str:
    """Without scheme and host, which behind a proxy are not those that the client knows."""
    url = URL(location)
    return f"{url.path}?{url.query}" if url.query else url.path
