"""Reading the events of one job, from any point on, across reconnects."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from app.infra.broker.errors import BrokerUnavailableError
from app.infra.broker.topology import EVENTS, event_subject

logger = logging.getLogger(__name__)

TERMINAL_STATES = frozenset({"succeeded", "canceled", "failed", "expired"})

_IDLE_HEARTBEAT = 1.0  # s; the server says that it is there
_SILENCE = 3.0  # s without a word: the consumer is gone (broker restarted), make a new one
_INACTIVE = 30.0  # s after which the server forgets the consumer of a reader that vanished
_TOGETHER = 100  # events that are handed out at once, at most
_RETRY = 0.5  # s between attempts to make a consumer while the broker is away


@dataclass(frozen=True)
class Event:
    """One event of a job. ``seq`` grows within a job and names the place to resume from."""

    seq: int
    event: str
    data: dict[str, Any]

    @property
    def terminal(self) -> bool:
        """Whether this is the last event of its job."""
        return self.event == "state" and self.data.get("state") in TERMINAL_STATES


def encode(event: str, data: dict[str, Any]) -> bytes:
    """The stored form of an event."""
    return json.dumps({"event": event, "data": data}, separators=(",", ":")).encode()


def decode(seq: int, payload: bytes) -> Event:
    """Inverse of ``encode``, with the place in the stream."""
    body = json.loads(payload)
    return Event(seq=seq, event=body["event"], data=body["data"])


class EndWatch:
    """Hears the end of one job: ``over`` is set then. For somebody who also looks at the ledger now and
    then: what is said while the connection is down is not heard.

    Events are messages like others: whoever listens to their subject needs no consumer, which costs the
    server, and this process, several times as much as a subscription.
    """

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._subscription: Subscription | None = None

    async def open(self, client: Client, job_id: str, within: float) -> None:
        """Listen; active when this returns, or when the connection is there again.

        Raises BrokerUnavailableError when the broker does not answer ``within`` so many seconds.
        """
        try:
            self._subscription = await client.subscribe(event_subject(job_id), cb=self._on_message)
            await client.flush(timeout=within)  # type: ignore[arg-type]  # declared int, used as seconds
        except (NatsError, TimeoutError, OSError) as error:
            await self.close()
            raise BrokerUnavailableError(f"the end of {job_id} cannot be heard: {error}") from error

    async def close(self) -> None:
        """Stop listening. Safe to call twice, and when the connection is gone."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(NatsError):
                await subscription.unsubscribe()

    async def _on_message(self, message: Msg) -> None:
        if decode(0, message.data).terminal:
            self.over.set()


async def read_events(
    client: Client, js: JetStreamContext, job_id: str, after: int
) -> AsyncIterator[list[Event]]:
    """Events of ``job_id`` with ``seq > after``, old ones first, then as they come; those that are here
    already come together.

    Ends after a terminal state, and at once when the terminal state is at or before ``after``. An
    ordered consumer in our own words: it notices gaps (the server counts deliveries) and silence, and
    starts a new consumer after the last event that it handed out.
    """
    if after and await has_ended(js, job_id, after):
        return
    last = after
    while True:
        subscription = await _subscribe(client, js, job_id, last)
        try:
            expected, batch, lost = 1, list[Event](), False
            while not lost and (message := await _next(client, subscription)) is not None:
                if not (message.headers and "Status" in message.headers):  # else an idle heartbeat
                    place = message.metadata.sequence
                    lost = place.consumer != expected  # a delivery, on the way
                    if not lost:
                        expected += 1
                        batch.append(decode(place.stream, message.data))
                over = bool(batch) and batch[-1].terminal
                if batch and (lost or over or len(batch) == _TOGETHER or not subscription.pending_msgs):
                    last = batch[-1].seq
                    yield batch
                    batch = []
                if over:
                    return
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()


async def has_ended(js: JetStreamContext, job_id: str, after: int) -> bool:
    """Whether the newest event of the job is terminal and not newer than ``after``. Raises
    BrokerUnavailableError."""
    try:
        newest = await js.get_msg(EVENTS, subject=event_subject(job_id), direct=True)
    except NotFoundError:
        return False
    except (NatsError, TimeoutError) as error:
        raise BrokerUnavailableError(f"the events of {job_id} cannot be read: {error}") from error
    if newest.seq is None or newest.data is None or newest.seq > after:
        return False
    return decode(newest.seq, newest.data).terminal


async def _next(client: Client, subscription: Subscription) -> Msg | None:
    """The next message, or None after a silence. Raises BrokerUnavailableError when the client is closed."""
    try:
        return await subscription.next_msg(timeout=_SILENCE)
    except (NatsError, TimeoutError) as error:
        if client.is_closed or isinstance(error, ConnectionClosedError):
            raise BrokerUnavailableError("the connection to the broker is closed") from error
        return None


async def _subscribe(client: Client, js: JetStreamContext, job_id: str, last: int) -> Subscription:
    """A new ephemeral consumer that delivers what came after ``last``; waits while the broker is away.

    Everything when nothing has that number: it is from another storage of the queue, or nobody's, and what
    it stood for is unknown.
    """
    while True:
        inbox = client.new_inbox()
        try:
            subscription = await client.subscribe(inbox)
        except NatsError as error:
            raise BrokerUnavailableError("the connection to the broker is closed") from error
        try:
            if last and last > (await js.stream_info(EVENTS)).state.last_seq:
                last = 0
            await js.add_consumer(
                EVENTS,
                ConsumerConfig(
                    deliver_subject=inbox,
                    deliver_policy=DeliverPolicy.BY_START_SEQUENCE if last else DeliverPolicy.ALL,
                    opt_start_seq=last + 1 if last else None,
                    filter_subject=event_subject(job_id),
                    ack_policy=AckPolicy.NONE,
                    max_deliver=1,
                    idle_heartbeat=_IDLE_HEARTBEAT,
                    inactive_threshold=_INACTIVE,
                    mem_storage=True,
                    num_replicas=1,
                ),
            )
            return subscription
        except (NatsError, TimeoutError) as error:
            with suppress(NatsError):
                await subscription.unsubscribe()
            if client.is_closed:
                raise BrokerUnavailableError("the connection to the broker is closed") from error
            logger.warning("events of %s: %s; trying again", job_id, error)
            await asyncio.sleep(_RETRY)
