"""Answer HEAD as GET without the body: load balancers, caches and ``curl -I`` ask so."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.paths import has_head


class HeadMiddleware:
    """Lets the routes see a GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or not has_head(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)
