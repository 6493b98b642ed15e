"""The HTTP server process. Never imports torch."""

from __future__ import annotations

import gc
import socket
from types import FrameType

import typer
import uvicorn
from fastapi import FastAPI

from app.api.main import create_app
from app.cli.common import ExitCode
from app.infra.tracing import start_tracing
from app.settings import Settings

_GRACEFUL = 5  # s for open event streams and waiting requests when the server stops


class _Server(uvicorn.Server):
    """Tells the application at once that the process is to end: streams would hold it up otherwise."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Then forget what has come up by now, as far as the garbage collector is concerned: it lives to the
        end, and each look at all of it took 0.1 s, for which nobody was answered."""
        await super().startup(sockets=sockets)
        gc.collect()
        gc.freeze()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.closing.begin()
        super().handle_exit(sig, frame)


def run_api(settings: Settings, *, fd: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM, on the inherited listening socket ``fd`` when there is one.

    Raises ConfigError, and typer.Exit when the application cannot start; its log says why.
    """
    start_tracing(settings, "api")
    app = create_app(settings)
    server = _Server(
        app,
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,  # the process has configured its logging
            access_log=False,  # the application writes a line for each request
            timeout_graceful_shutdown=_GRACEFUL,
            server_header=False,
        ),
    )
    try:
        server.run(sockets=None if fd is None else [socket.socket(fileno=fd)])
    except SystemExit as error:  # uvicorn's own status for a failed start means something else here
        raise typer.Exit(ExitCode.FAILED) from error
