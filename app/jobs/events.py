"""Stream a job's events to a reader over HTTP: from the broker, and at the end from the ledger."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from app.http.content_negotiation import whole_number
from app.infra.asyncio_utils import end
from app.infra.broker import Broker, Event
from app.infra.db import is_away
from app.infra.logs import NotAgain, reason
from app.jobs.job import Job
from app.jobs.ledger import Ledger

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())

LAST = "end"
"""Id of a last event that is from the ledger: a reader who names it has seen all there is."""

_LOOK_EVERY = 2.0  # s of silence before a look at the ledger
_GRACE = 2.0  # s for the events of a job that the ledger already calls terminal; a busy broker needs it
_ASK_EVERY = 5.0  # s between two questions whether the reader may still read
_SIGN_EVERY = 15.0  # s of silence before a comment says that the stream lives: proxies close what is silent


async def is_over(job: Job, last_event_id: str | None, broker: Broker) -> bool:
    """Whether a reader has seen everything of a job. Raises BrokerUnavailableError."""
    if not job.state.terminal:
        return False
    seen = whole_number(last_event_id)
    return last_event_id == LAST or (seen is not None and await broker.has_ended(job.id, seen))


async def job_events(
    job: Job,
    after: int,
    ledger: Ledger,
    broker: Broker,
    closing: Callable[[], Coroutine[Any, Any, None]],
    allowed: Callable[[], Awaitable[bool]],
) -> AsyncGenerator[bytes, None]:
    """``followed`` in the form of the wire; the SSE id of an event is its sequence number. Those that are
    there already come in one piece: each passes all layers of answers."""
    async with aclosing(followed(job, after, ledger, broker, closing, allowed)) as batches:
        async for batch in batches:
            yield b"".join(map(_on_the_wire, batch)) or KEEPALIVE_COMMENT


async def followed(
    job: Job,
    after: int,
    ledger: Ledger,
    broker: Broker,
    closing: Callable[[], Coroutine[Any, Any, None]],
    allowed: Callable[[], Awaitable[bool]],
) -> AsyncGenerator[list[Event], None]:
    """Events after a sequence number as they come; the last one is always a terminal ``state``. An empty list
    is a sign of life after a long silence.

    When the terminal event is not in the stream (its worker died, or it aged out), the final state comes from
    the ledger, with the sequence number 0. ``closing`` returns when the process is about to
    end: the stream then ends where it is, and the reader comes back with the last id that it has seen.
    It ends there too for a reader who is ``allowed`` no longer.
    """
    clock = asyncio.get_running_loop().time
    source, told_at = broker.event_batches(job.id, after=after), clock()
    pending = asyncio.ensure_future(_next(source))
    ending = asyncio.ensure_future(closing())
    refused = asyncio.ensure_future(_until_refused(allowed))
    silence = _GRACE if job.state.terminal else _LOOK_EVERY
    known_terminal = job.state.terminal
    try:
        while True:
            await asyncio.wait(
                {pending, ending, refused}, timeout=silence, return_when=asyncio.FIRST_COMPLETED
            )
            if ending.done():
                return
            if refused.done():
                refused.result()
                return
            if pending.done():
                batch = pending.result()
                if batch is None:
                    break
                yield batch
                if batch[-1].terminal:
                    return
                pending, told_at = asyncio.ensure_future(_next(source)), clock()
                continue
            if known_terminal:
                break
            if clock() - told_at >= _SIGN_EVERY:
                yield []
                told_at = clock()
            known_terminal = (await ledger.get(job.id)).state.terminal
            silence = _GRACE if known_terminal else _LOOK_EVERY
    finally:
        await end(pending)
        await end(ending)
        await end(refused)
        with suppress(AttributeError):
            await source.aclose()  # type: ignore[attr-defined]  # a generator, behind its contract
    final = await ledger.get(job.id)
    yield [Event(0, "state", {"state": str(final.state)})]


def _on_the_wire(event: Event) -> bytes:
    name = str(event.seq) if event.seq else LAST
    return format_sse_event(id=name, event=event.event, data_str=json.dumps(event.data))


async def _until_refused(allowed: Callable[[], Awaitable[bool]]) -> None:
    """Beside the events, which may come faster than it is asked for, or not at all."""
    while True:
        await asyncio.sleep(_ASK_EVERY)
        try:
            if not await allowed():
                return
        except Exception as error:
            if not is_away(error):
                raise
            logger.warning("whether readers of events may read on was not asked: %s", reason(error))


async def _next(source: AsyncIterator[list[Event]]) -> list[Event] | None:
    return await anext(source, None)
