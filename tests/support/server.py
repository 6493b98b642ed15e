"""The application behind a real HTTP server, in the process of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from app.http.connections import KEPT_SECONDS, bounded
from app.settings import Settings
from tests.support.waiting import eventually


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to pytest


@asynccontextmanager
async def serve(app: FastAPI, *, descriptors: int = 1024) -> AsyncIterator[str]:
    """Run the application behind a real HTTP server on a free port, as ``app.cli.http`` does; its URL."""
    config = uvicorn.Config(
        app,
        port=0,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=2,
        http=bounded(Settings(), descriptors=descriptors),
        timeout_keep_alive=KEPT_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:

        def started() -> bool:
            assert not task.done(), "the server did not start"
            return server.started

        await eventually(started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
