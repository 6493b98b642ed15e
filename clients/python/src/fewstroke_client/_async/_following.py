"""A job's events, whatever happens to connections: resumed where they broke off, polled when none holds."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx

from fewstroke_client import _sleep
from fewstroke_client._async._connection import AsyncConnection
from fewstroke_client._decode import decode
from fewstroke_client._errors import ApiError, WaitTimeoutError
from fewstroke_client._models import Job, JobEvent, StateEvent
from fewstroke_client._sse import EventParser

SILENCE = 40.0  # s without a byte: the service sends a comment every 15
_TRIES = 3  # streams in a row that bring nothing
_PAUSE = 0.5  # s before the next one
_LONGEST_PAUSE = 5.0  # s between two polls


async def follow(
    connection: AsyncConnection, job_id: str, timeout: float | None, last_id: str | None = None
) -> AsyncGenerator[JobEvent, None]:
    """Events until a final state. Raises WaitTimeoutError, ApiError, ConnectionFailedError."""
    ends = None if timeout is None else _sleep.now() + timeout
    parser = EventParser(last_id)
    barren = 0
    while barren < _TRIES:
        barren += 1
        try:
            async with connection.stream(
                f"/v1/jobs/{job_id}/events",
                headers={"Accept": "text/event-stream"}
                | ({"Last-Event-ID": parser.last_id} if parser.last_id else {}),
                read_timeout=_left(ends, SILENCE, job_id, timeout),
            ) as response:
                if response.status_code == httpx.codes.NO_CONTENT:
                    break  # `last_id` is that of the last event: what is left is the state
                async for line in response.aiter_lines():
                    _left(ends, SILENCE, job_id, timeout)
                    event = parser.feed(line)
                    if event is None:
                        continue
                    barren = 0
                    yield event
                    if isinstance(event, StateEvent) and event.over:
                        return
        except httpx.TransportError:
            pass  # it goes on with the next stream
        except ApiError as error:
            if error.status not in (429, 502, 503, 504):
                raise
        parser = EventParser(parser.last_id)  # an event that was cut off comes again
        await _sleep.async_sleep(_left(ends, _PAUSE * 2**barren, job_id, timeout))
    async for event in _poll(connection, job_id, ends, timeout):
        yield event


async def _poll(
    connection: AsyncConnection, job_id: str, ends: float | None, timeout: float | None
) -> AsyncGenerator[JobEvent, None]:
    state, pause = "", _PAUSE
    while True:
        job = decode(Job, await connection.json("GET", f"/v1/jobs/{job_id}"))
        if job.state != state:
            state, pause = job.state, _PAUSE
            yield StateEvent(state)
        if job.over:
            return
        await _sleep.async_sleep(_left(ends, pause, job_id, timeout))
        pause = min(_LONGEST_PAUSE, pause * 1.5)


def _left(ends: float | None, at_most: float, job_id: str, timeout: float | None) -> float:
    """Seconds that may pass now."""
    if ends is None or timeout is None:
        return at_most
    left = ends - _sleep.now()
    if left <= 0:
        raise WaitTimeoutError(job_id, timeout)
    return min(at_most, left)
