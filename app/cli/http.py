"""Run the HTTP server process. Never imports torch."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import typer
import uvicorn
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from app.api.main import create_app
from app.cli.common import ExitCode
from app.errors import AppError, ConfigError
from app.http.connections import KEPT_SECONDS, bounded
from app.infra.listen_socket import listen
from app.infra.tracing import start_tracing
from app.settings import Settings

_M_ARENA_MAX = -8  # of malloc.h
_DESCRIPTORS = 65_536
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

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In whose end the server sends itself the signal again, which is then to do nothing special."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # so far it ended the process that was coming up
        with super().capture_signals():
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.closing.begin()
        super().handle_exit(sig, frame)


class _Brief:
    """The application; an expected error that keeps it from starting is told in a sentence, with no
    traceback, and kept in ``error``."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.error: AppError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_briefly(message: Message) -> None:
            error = sys.exc_info()[1]
            if message["type"] == "lifespan.startup.failed" and isinstance(error, AppError):
                self.error = error
                message = {**message, "message": f"cannot start: {error.detail}"}
            await send(message)

        await self._app(scope, receive, send_briefly if scope["type"] == "lifespan" else send)


def run_api(settings: Settings, *, fd: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM, on the inherited listening socket ``fd`` when there is one.

    Raises ConfigError, ListenError, and typer.Exit when the application cannot start; its log says why.
    """
    _share_heaps()
    start_tracing(settings, "api")
    app = create_app(settings)
    brief = _Brief(app)
    server = _Server(
        app,
        uvicorn.Config(
            brief,
            log_config=None,  # the process has configured its logging
            access_log=False,  # the application writes a line for each request
            timeout_graceful_shutdown=_GRACEFUL,
            server_header=False,
            forwarded_allow_ips=list(settings.trusted_proxies),
            http=bounded(settings, descriptors=_raise_descriptor_limit()),
            timeout_keep_alive=KEPT_SECONDS,
            ws="none",  # what is upgraded would leave those bounds
        ),
    )
    listener = listen(settings.host, settings.port) if fd is None else socket.socket(fileno=fd)
    try:
        server.run(sockets=[listener])
    except SystemExit as error:  # uvicorn's own status for a failed start means something else here
        setup = isinstance(brief.error, ConfigError)
        raise typer.Exit(ExitCode.SETUP if setup else ExitCode.FAILED) from error


def _raise_descriptor_limit() -> int:
    """As many as this process may have by itself, not the few that a shell gives it; how many that is."""
    try:
        import resource
    except ImportError:  # not on this platform
        return 1024
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    with suppress(ValueError, OSError):  # macOS has another bound besides
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _share_heaps() -> None:
    """Two heaps for all threads, unless ``MALLOC_ARENA_MAX`` says otherwise: glibc gives each of our twenty
    one of its own, and every heap keeps what its thread once needed (docs/reliability.md)."""
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    with suppress(AttributeError, OSError):  # another library of C
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
