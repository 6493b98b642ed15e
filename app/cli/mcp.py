"""``fewstroke mcp``: a running service as tools of a model, over standard input and output."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli.common import reported_errors


def mcp(
    address: Annotated[
        str, typer.Option(envvar="FEWSTROKE_URL", help="Where the service runs.")
    ] = "http://127.0.0.1:8000",
    key: Annotated[
        str | None,
        typer.Option(
            envvar="FEWSTROKE_KEY",
            help="A key of the service; none while it asks for none.",
            show_default=False,
        ),
    ] = None,
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
