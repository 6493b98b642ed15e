"""``fewstroke mcp``: a running service as tools of a model, over standard input and output."""

from __future__ import annotations

import asyncio

from app.cli.common import reported_errors
from app.cli.remote import USUAL_ADDRESS, Address, Key


def mcp(
    address: Address = USUAL_ADDRESS,
    key: Key = None,
) -> None:
    """Offer a running service to a model, as tools (MCP) on standard input and output."""
    with reported_errors():
        from importlib.metadata import version

        import httpx

        from app.mcp.api_client import ApiClient
        from app.mcp.server import serve_stdio

        async def serve() -> None:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60.0) as http:
                await serve_stdio(ApiClient(http, address, local_files=True), version("fewstroke"))

        asyncio.run(serve())
