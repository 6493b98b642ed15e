"""The HTTP server process. Never imports torch."""

from __future__ import annotations

import logging
import socket

import typer
import uvicorn

from app.api.main import create_app
from app.cli.common import ExitCode
from app.settings import Settings

_GRACEFUL = 5  # s for open event streams and waiting requests when the server stops
_QUIET_PATHS = ("/livez", "/readyz", "/metrics")


class _NoProbes(logging.Filter):
    """Keeps health probes out of the access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args
        path = arguments[2] if isinstance(arguments, tuple) and len(arguments) > 2 else ""
        return str(path).partition("?")[0] not in _QUIET_PATHS


def run_api(settings: Settings, *, fd: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM, on the inherited listening socket ``fd`` when there is one.

    Raises typer.Exit when the application cannot start; its log says why.
    """
    logging.getLogger("uvicorn.access").addFilter(_NoProbes())
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            log_config=None,  # the process has configured its logging
            timeout_graceful_shutdown=_GRACEFUL,
            server_header=False,
        )
    )
    try:
        server.run(sockets=None if fd is None else [socket.socket(fileno=fd)])
    except SystemExit as error:  # uvicorn's own status for a failed start means something else here
        raise typer.Exit(ExitCode.FAILED) from error
