"""``POST /mcp``: the tools over HTTP (streamable, without sessions), with the keys of all other calls."""

import asyncio
from importlib import import_module
from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.dependencies import Caller
from app.settings import MIB

router = APIRouter(include_in_schema=False)

_MAX_BODY = 32 * MIB  # files come as base64 in JSON, which is read at once


class _McpResponse(Response):
    """Answered by the protocol's own implementation, which reads the body itself."""

    def __init__(self, app: ASGIApp, address: str, authorization: str | None) -> None:
        super().__init__()
        self._app = app
        self._address = address
        self._authorization = authorization

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Only who uses it has it in memory, 24 MiB; and nobody waits while it is read.
        await asyncio.to_thread(import_module, "app.mcp.server")
        import httpx
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from app.mcp.api_client import ApiClient
        from app.mcp.server import mcp_server

        headers = {"Authorization": self._authorization} if self._authorization else {}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app, raise_app_exceptions=False),
            base_url="http://localhost",  # whoever called was let in already, by the address that they used
            headers=headers,
            timeout=None,
        ) as http:
            manager = StreamableHTTPSessionManager(
                mcp_server(ApiClient(http, self._address), version("fewstroke")),
                stateless=True,
                json_response=True,
                max_request_body_size=_MAX_BODY,
            )
            async with manager.run():
                await manager.handle_request(scope, receive, send)


@router.post("/mcp")
async def post_mcp(request: Request, _caller: Caller) -> Response:
    """Tools for models: see docs/integrations.md. Each tool makes calls of this service with the caller's
    key, so it may what the key may."""
    return _McpResponse(request.app, str(request.base_url), request.headers.get("authorization"))
