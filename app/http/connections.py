"""Connections with ends: how much and how long is read from a client, and how many may be open.

All of this holds before anybody is asked for a key. uvicorn's protocol takes headers of any length, waits
for a silent client for ever, and accepts until no descriptor is left.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.errors import ErrorCode
from app.infra.logs import NotAgain
from app.settings import KIB, Settings

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())
logging.getLogger("uvicorn.error").addFilter(NotAgain())  # "Invalid HTTP request received.", by anybody

MAX_HEAD_BYTES = 64 * KIB  # of request line and headers
MAX_HEADERS = 100
HEAD_SECONDS = 15.0  # for request line and headers, and for the first byte of them
KEPT_SECONDS = 75  # between two requests: proxies and load balancers keep connections for 60
BODY_GRACE = 30.0  # s; from then on a body that comes at less than the least rate is given up
BODY_RATE = 1000.0  # bytes/s
REST_SECONDS = 10.0  # for which the rest of a body is read away whose request was answered already
UNREAD_SECONDS = 60.0  # for which a client may leave unread what it has asked for
_LOOK_EVERY = 2.0  # s between two looks at a connection
_BUSIEST = 0.75  # of the places that one address may have: the others stay for others

_PROBLEMS = {
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        ErrorCode.HEADERS_TOO_LARGE,
        f"Request line and headers may have {MAX_HEAD_BYTES // KIB} KiB and {MAX_HEADERS} lines: leave out "
        "what the service does not need.",
    ),
    HTTPStatus.REQUEST_TIMEOUT: (
        ErrorCode.REQUEST_TIMEOUT,
        "The request did not come in time: send it again, at once and without pauses.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        ErrorCode.SERVICE_UNAVAILABLE,
        "Too many connections are open: try again in a few seconds.",
    ),
    HTTPStatus.BAD_REQUEST: (ErrorCode.BAD_REQUEST, "This is no HTTP request: check what sends it."),
}


class ConnectionSlots:
    """The connections of one process: at most ``limit``, of one address three quarters of them.

    When all are taken, the one that has been idle longest makes room, so that idle connections keep nobody
    out; of those that have asked something before, only when there is no other. Connections with a request at
    work are never closed for others.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._of_address = max(1, int(limit * _BUSIEST))
        self._open: Counter[str] = Counter()
        self._silent: dict[Connection, None] = {}  # have asked nothing yet; the longest idle first
        self._idle: dict[Connection, None] = {}  # the same, of those that have

    def enter(self, connection: Connection) -> bool:
        """Count a new connection; False: there is no room, and it counts all the same until it leaves."""
        self._open[connection.address] += 1
        room = True
        if self._open[connection.address] > self._of_address:
            room = self._evict(connection.address)
        elif self._open.total() > self._limit:
            room = self._evict(None)
        if room:
            self.idle(connection)
        return room

    def idle(self, connection: Connection) -> None:
        """It waits for a request."""
        self.busy(connection)
        (self._idle if connection.has_asked else self._silent)[connection] = None

    def busy(self, connection: Connection) -> None:
        """A request of it is at work."""
        self._silent.pop(connection, None)
        self._idle.pop(connection, None)

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        self.busy(connection)
        self._open[connection.address] -= 1
        if self._open[connection.address] <= 0:
            del self._open[connection.address]

    def _evict(self, address: str | None) -> bool:
        for candidate in chain(self._silent, self._idle):
            if address is None or candidate.address == address:
                logger.warning("%d connections are open: idle ones are closed to make room", self._limit)
                self.busy(candidate)
                candidate.transport.abort()
                return True
        logger.warning("%d connections are open and at work: new ones are refused", self._limit)
        return False


class Connection(HttpToolsProtocol):
    """uvicorn's, with bounds on what it reads and on the time that it waits for a client."""

    def __init__(self, *args: Any, slots: ConnectionSlots, **named: Any) -> None:
        super().__init__(*args, **named)
        self.address = ""
        self.has_asked = False
        self._slots = slots
        self._phase = "idle"  # then: head, body, and idle again
        self._since = 0.0  # when the phase began
        self._waited = 0.0  # s for the client, in this body
        self._received = 0  # bytes, in this phase
        self._head = 0  # bytes of request line and headers, as they were parsed
        self._paused_at: float | None = None  # since when the client reads nothing
        self._refusal: HTTPStatus | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._since = self.loop.time()
        if not self._slots.enter(self):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        # As long as it says nothing one look is enough: thousands of silent ones cost nothing until then.
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._slots.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        super().data_received(data)
        self._received += len(data)
        if self._phase == "head" and self._received > MAX_HEAD_BYTES and self._refusal is None:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._enter("head")
        self._head = 0
        if not self.has_asked and self._timer is not None:
            self._timer.cancel()
            self._timer = self.loop.call_later(_LOOK_EVERY, self._look)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)  # trailers come here as well

    def on_headers_complete(self) -> None:
        self._slots.busy(self)
        super().on_headers_complete()
        self._enter("body")

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._enter("idle")
        self._rest()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.has_asked = True
        self._since = self.loop.time()
        self._rest()

    def pause_writing(self) -> None:
        self._paused_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._paused_at = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Also for what ``_count`` raises through the parser."""
        self._refuse(self._refusal or HTTPStatus.BAD_REQUEST)

    def _enter(self, phase: str) -> None:
        self._phase, self._since = phase, self.loop.time()
        self._waited, self._received = 0.0, 0

    def _rest(self) -> None:
        """Idle from now on, when all that was asked is answered."""
        if self._answered and not self.pipeline:
            self._slots.idle(self)

    @property
    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _count(self, length: int) -> None:
        self._head += length
        if self._head > MAX_HEAD_BYTES or len(self.headers) >= MAX_HEADERS:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError("the head of the request is too large")  # the parser stops at it

    def _look(self) -> None:
        """Every other second: whether this connection waits for its client for too long."""
        self._timer = self.loop.call_later(_LOOK_EVERY, self._look)
        now = self.loop.time()
        unread = self._paused_at is not None and now - self._paused_at > UNREAD_SECONDS
        if unread or self.transport.is_closing():  # what is closing still waits for what the client reads
            if unread or now - self._since > UNREAD_SECONDS:
                self.transport.abort()
        elif self._phase == "head" and now - self._since > HEAD_SECONDS:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif self._phase == "idle" and self._answered:
            if now - self._since >= (KEPT_SECONDS if self.has_asked else HEAD_SECONDS):
                self.transport.close()
        elif self._phase == "body" and self._answered:
            if now - self._since > REST_SECONDS:
                self.transport.abort()
        elif self._phase == "body" and not (self.flow.read_paused or self.cycle.waiting_for_100_continue):
            self._waited += _LOOK_EVERY
            if self._received < BODY_RATE * (self._waited - BODY_GRACE):
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Say why, unless an answer is on its way, and close."""
        self._refusal = status
        self._since = self.loop.time()
        if self.transport.is_closing():
            return
        if self.cycle is None or (self._answered and not self.pipeline) or not self.cycle.response_started:
            self.transport.write(_problem(status))
        self.transport.close()


def bounded(settings: Settings, *, descriptors: int) -> type[asyncio.Protocol]:
    """The protocol for one server. ``descriptors``: how many the process may have open; connections leave
    half of them, at most 256, to everything else."""
    limit = max(8, min(settings.max_connections, descriptors - min(256, descriptors // 2)))
    return cast("type[asyncio.Protocol]", partial(Connection, slots=ConnectionSlots(limit)))


def _problem(status: HTTPStatus) -> bytes:
    """An answer on the wire; there is no request yet that a problem document could be about."""
    code, detail = _PROBLEMS[status]
    body = json.dumps(
        {
            "type": f"urn:fewstroke:problem:{code}",
            "title": status.phrase,
            "status": status,
            "detail": detail,
            "code": code,
        }
    ).encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        *(["Retry-After: 2"] if status is HTTPStatus.SERVICE_UNAVAILABLE else []),
        "Connection: close",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
