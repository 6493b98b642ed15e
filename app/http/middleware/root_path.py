"""Serve the application below a prefix, as a reverse proxy does that has more than one application."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.hrefs import prefix


class RootPathMiddleware:
    """``root_path``: the prefix, such as ``/fewstroke``, or nothing.

    A request may come with the prefix or without it: some proxies take it away, and who asks past the proxy
    (probes, the supervisor) knows of none. To all behind, it came with it, as ASGI has it.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._root:
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path != self._root and not path.startswith(f"{self._root}/"):
            raw = scope.get("raw_path")
            scope = {**scope, "path": self._root + path, "raw_path": raw and self._root.encode() + raw}
        token = prefix.set(self._root)
        try:
            await self._app({**scope, "root_path": self._root}, receive, send)
        finally:
            prefix.reset(token)
